output "database" {
  description = "What to write into the variable \"databases\" of pongwatch."
  value = {
    (var.name) = {
      url         = local.url
      token       = "sm://projects/${var.project}/secrets/${google_secret_manager_secret.token.secret_id}"
      database_id = upstash_redis_database.this.database_id
      eviction    = var.eviction ? "on" : "off"
      region      = var.primary_region
    }
  }
}
