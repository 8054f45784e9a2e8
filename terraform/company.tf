# What companies ask of resources: keys of their own, places, networks.
locals {
  # Keys, pools and connectors are regional. Where there are several regions, each is to have one of the same name.
  key_locations = merge(
    { for location in setunion(local.function_regions, local.secret_locations) : location => location },
    # Firestore's multi-regions have other names at Cloud KMS (https://cloud.google.com/firestore/docs/cmek).
    { firestore = lookup({ nam5 = "us", eur3 = "europe" }, local.firestore_location, local.firestore_location) },
  )
  kms_keys     = { for user, location in local.key_locations : user => var.kms_key == null ? null : replace(var.kms_key, "/locations/[^/]+/", "locations/${location}") }
  worker_pools = { for region in local.function_regions : region => var.worker_pool == null ? null : replace(var.worker_pool, "/locations/[^/]+/", "locations/${region}") }

  # Google chooses where a secret lies, unless Terraform says so; a key must be where the secret is.
  secret_locations = length(var.secret_locations) > 0 || var.kms_key == null ? var.secret_locations : sort(tolist(local.function_regions))

  # The way of each function out, by region: through a network's subnet or, where there is one, through a connector.
  networks = { for name in keys(local.all_functions) : name => { for region, network in var.vpc : region => {
    connector        = network.connector
    connector_egress = network.connector == null ? null : trimprefix(network.egress, "VPC_EGRESS_")
    egress           = network.connector == null ? network.egress : null
    interfaces       = network.connector == null ? [network] : []
  } if contains(network.functions, name) } }
}
