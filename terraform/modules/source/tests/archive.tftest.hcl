# What is deployed: it ends inside the functions' image.

mock_provider "archive" {}

run "the_archive_holds_sources_and_nothing_else" {
  assert {
    condition     = alltrue([for file in output.files : !can(regex("(_test\\.go$|test/|testdata/|\\.tf|tfstate|tfvars|\\.env|^examples/|^cmd/|^terraform/)", file))])
    error_message = "Tests, fakes, state, variables or programs would be deployed."
  }
  assert {
    condition     = alltrue([for file in ["go.mod", "go.sum", "functions.go", "functions/alert/alert.go", "shared/config/schema.json", "docs/playbooks/playbooks.go"] : contains(output.files, file)])
    error_message = "A file is missing without which the functions do not build."
  }
  assert {
    condition     = toset([for source in data.archive_file.source.source : source.filename]) == toset(output.files)
    error_message = "The archive holds exactly the listed files."
  }
  assert {
    condition     = strcontains(data.archive_file.source.output_path, output.hash)
    error_message = "The archive is named by its content, so that a plan and its apply agree."
  }
}
