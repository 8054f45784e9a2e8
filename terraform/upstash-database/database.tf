resource "upstash_redis_database" "this" {
  database_name = var.name
  # Regional databases cannot be made any more; where it is says primary_region.
  region         = "global"
  primary_region = var.primary_region
  read_regions   = var.read_regions

  # Upstash always answers true. The provider's default is false, and from true to false
  # it would replace the database: all data would be lost at the second apply.
  tls      = true
  eviction = var.eviction

  # These have defaults that would overwrite what the console says.
  auto_scale = var.auto_scale
  prod_pack  = var.prod_pack
  budget     = var.budget

  lifecycle {
    # A change of name or primary region replaces the database, with its data.
    prevent_destroy = true
  }
}

locals {
  # The provider gives a bare name or a whole host, by the age of the database.
  host = strcontains(upstash_redis_database.this.endpoint, ".") ? upstash_redis_database.this.endpoint : "${upstash_redis_database.this.endpoint}.upstash.io"
  url  = "https://${local.host}"
}
