plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Files here are named after what they hold: versions, storage, accounts, network, schedule, warehouse.
rule "terraform_standard_module_structure" {
  enabled = false
}
