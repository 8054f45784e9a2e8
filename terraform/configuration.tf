# The document that all functions read (docs/configuration.md), made of the variables.
# It holds no secrets: a secret is named, as "secret:NAME" for one of this module's or
# "sm://projects/P/secrets/S" for one that exists, and the functions read it themselves.
locals {
  # Numbers are given as text where a threshold may be a number or a duration.
  thresholds = { for scope, all in merge({ "" = var.thresholds }, { for name, database in var.databases : name => database.thresholds }) :
    scope => { for check, threshold in all : check => merge(threshold, {
      open     = try(tonumber(threshold.open), threshold.open)
      close    = try(tonumber(threshold.close), threshold.close)
      critical = try(tonumber(threshold.critical), threshold.critical)
    }) }
  }

  # The databases whose token lies in the bundle.
  bundled = [for name, database in var.databases : name if database.token == null]

  # The bundle is a secret of the module's, unless one is given.
  bundle = var.credentials != null ? var.credentials : length(local.bundled) > 0 ? "secret:databases" : null

  databases = [for name, database in var.databases : merge(database, {
    name       = name
    thresholds = local.thresholds[name]
  })]

  document = {
    version     = 1
    environment = var.environment
    regions     = local.regions
    home        = var.home
    schedule    = { healthcheck = "${var.schedule.healthcheck_minutes}m", metrics = "${var.schedule.metrics_minutes}m" }
    shards      = [for name, shard in var.shards : merge(shard, { name = name }) if contains(keys(local.shards), name)]
    credentials = local.bundle
    services    = var.services
    checks      = var.checks
    thresholds  = local.thresholds[""]
    budget      = var.budget
    objective   = var.objective
    receivers   = [for name, receiver in var.receivers : merge(receiver, { name = name })]
    routes      = var.routes
    alerting    = var.alerting
    maintenance = var.maintenance
    oncall      = merge(var.oncall, { email = var.oncall_email })
    management  = var.management
    inbound     = var.inbound == null ? null : merge(var.inbound, { url = local.urls.webhook })
    proof_key   = var.proof_key
    access      = merge(var.access, { invokers = [local.scheduler_email] })
    links       = merge(var.links, { dashboard = coalesce(var.links.dashboard, local.urls.metrics) })
    history     = var.history
    heartbeat   = var.heartbeat
  }

  # The text, without the keys that are not given, and with the names of the module's
  # secrets spelled out. In JSON text a quote inside a string is escaped, so that these
  # expressions match keys and whole strings only.
  texts = { for name, part in { document = local.document, databases = local.databases } : name => replace(replace(replace(replace(
    jsonencode(part),
    "/,\"[a-z_]+\":null/", ""),
    "/\\{\"[a-z_]+\":null,/", "{"),
    "/\\{\"[a-z_]+\":null\\}/", "{}"),
    "/\"secret:([a-z0-9-]+)\"/", "\"sm://projects/${var.project}/secrets/${var.prefix}-$1\"")
  }
  whole = replace(local.texts.document, "/^\\{/", "{\"databases\":${replace(local.texts.databases, "$", "$$")},")

  # A function's environment holds 32 KiB. A longer document lies in Secret Manager, in
  # parts: the functions merge a list.
  config_fits  = length(local.whole) <= 24000
  config_parts = local.config_fits ? {} : { for number, text in concat([local.texts.document], [for part in chunklist(jsondecode(local.texts.databases), 100) : jsonencode({ databases = part })]) : tostring(number) => text }
  # A secret of its own for each content: a function's old revision keeps the document
  # with which it was deployed, and a change of the document deploys the function.
  config_secrets = { for number, text in local.config_parts : number => "${var.prefix}-config-${number}-${substr(sha256(text), 0, 12)}" }
  config_value   = local.config_fits ? local.whole : join(",", [for number in sort(keys(local.config_parts)) : "sm://projects/${var.project}/secrets/${local.config_secrets[number]}"])
}
