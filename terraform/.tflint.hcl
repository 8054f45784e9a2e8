plugin "terraform" {
  enabled = true
  preset  = "all"
}

# One descriptive file for each concern, in place of one main.tf.
rule "terraform_standard_module_structure" {
  enabled = false
}
