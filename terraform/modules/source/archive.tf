# What is deployed is listed, not excluded: an archive of the whole folder would hold
# state, variable files with secrets and logs, and would differ at every run. The
# build keeps the archive inside the image.
locals {
  repository = abspath("${path.module}/../../..")

  candidates = setunion(
    fileset(local.repository, "*.go"),
    fileset(local.repository, "functions/**/*.{go,css,html,js,json,svg,tmpl}"),
    fileset(local.repository, "functions/**/LICENSE"), # of what is embedded
    fileset(local.repository, "shared/**/*.go"),
    fileset(local.repository, "docs/playbooks/*.{go,md}"),
    ["go.mod", "go.sum", "shared/config/schema.json"],
  )

  # Modules of their own and npm packages serve tests.
  apart = [for file in setunion(
    fileset(local.repository, "{functions,shared}/**/go.mod"),
    fileset(local.repository, "{functions,shared}/**/package.json"),
  ) : "${dirname(file)}/"]

  # Tests, packages for tests and the store of one machine stay at home.
  files = toset([
    for file in local.candidates : file
    if !endswith(file, "_test.go") && !can(regex("(^|/)([^/]*test|testdata|boltstore|node_modules)/", file)) && !anytrue([for folder in local.apart : startswith(file, folder)])
  ])

  # Of the files, not of the archive, which differs between versions of its provider.
  hash = substr(sha256(jsonencode({
    for file in local.files : file => filesha256("${local.repository}/${file}")
  })), 0, 16)
}

data "archive_file" "source" {
  type             = "zip"
  output_path      = "${path.root}/.terraform/pongwatch-source-${local.hash}.zip"
  output_file_mode = "0644"

  dynamic "source" {
    for_each = local.files
    content {
      filename = source.value
      content  = file("${local.repository}/${source.value}")
    }
  }
}
