// Package deploytest holds the tests of what stands between the code and the cloud:
// that Terraform and the functions call entry points, environment variables, log
// fields, messages and documents by the same names, that the archive is what the
// buildpack can build, and that the functions work in the environment that Terraform
// gives them. It has no code of its own.
//
// Those that need Terraform run where PONGWATCH_TEST_TERRAFORM is 1, those that also
// need the emulators of the Google Cloud SDK where PONGWATCH_TEST_CLOUD is.
package deploytest
