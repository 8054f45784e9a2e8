output "archive" {
  description = "Where the archive was written."
  value       = data.archive_file.source.output_path
}

output "files" {
  description = "What is in it, sorted."
  value       = sort(tolist(local.files))
}

output "hash" {
  description = "Of the contents: the archive's identity."
  value       = local.hash
}
