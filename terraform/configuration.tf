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

  # The databases whose token lies in a bundle. A secret holds 64 KiB, so a bundle takes 250 of them: a name
  # has at most 63 bytes, a token 150, and 22 stand around them.
  bundled = [for name, database in var.databases : name if database.token == null]
  bundles = var.credentials != null ? {} : { for i, names in chunklist(local.bundled, 250) : i == 0 ? "databases" : "databases-${i + 1}" => names }

  # The bundles are secrets of the module's, in their order, unless others are given. One stands without a list.
  credentials = var.credentials != null ? flatten([var.credentials]) : [for i in range(length(local.bundles)) : i == 0 ? "secret:databases" : "secret:databases-${i + 1}"]

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
    credentials = length(local.credentials) == 0 ? null : [local.credentials, one(slice(local.credentials, 0, 1))][length(local.credentials) == 1 ? 1 : 0]
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
    changes     = length(var.changes) == 0 ? null : var.changes
    inbound     = var.inbound == null ? null : merge(var.inbound, { url = local.webhook_url })
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
  # parts of at most 64 KiB: the functions merge a list, which has at most so many.
  most_parts  = 200
  config_fits = local.bytes.whole <= 24000

  # Databases have different keys, so this is a tuple: functions of lists refuse it, "for" does not.
  database_texts = [for database in jsondecode(local.texts.databases) : jsonencode(database)]
  # Bytes, since length() counts characters; base64 makes four characters of three bytes.
  bytes          = { for name, text in merge(local.texts, { whole = local.whole }) : name => ceil(length(base64encode(text)) * 3 / 4) }
  database_bytes = [for text in local.database_texts : ceil(length(base64encode(text)) * 3 / 4) + 1]
  # Where each database begins in the list of all, in two steps: adding up all that stand before each one
  # takes the square of their number.
  hundreds = [for hundred in range(ceil(length(local.database_bytes) / 100)) : slice(local.database_bytes, hundred * 100, min((hundred + 1) * 100, length(local.database_bytes)))]
  begins   = [for hundred in range(length(local.hundreds)) : sum(concat([0], [for before in slice(local.hundreds, 0, hundred) : sum(before)]))]
  database_begins = flatten([for hundred, sizes in local.hundreds : [
    for i in range(length(sizes)) : local.begins[hundred] + sum(concat([0], slice(sizes, 0, i)))
  ]])
  # A part takes the databases that begin within its 56,000 bytes, so that the last one may be 9 KB long.
  database_parts = { for i, text in local.database_texts : format("%03d", 1 + floor(local.database_begins[i] / 56000)) => text... }
  config_parts = local.config_fits ? {} : merge(
    { "000" = local.texts.document },
    { for number, texts in local.database_parts : number => "{\"databases\":[${join(",", texts)}]}" },
  )
  # A secret of its own for each content: a function's old revision keeps the document
  # with which it was deployed, and a change of the document deploys the function. Where a secret lies cannot be
  # changed either, and two secrets cannot have one name meanwhile.
  config_place   = length(local.secret_locations) == 0 ? "" : jsonencode([local.secret_locations, var.kms_key])
  config_secrets = { for number, text in local.config_parts : number => "${var.prefix}-config-${number}-${substr(sha256("${text}${local.config_place}"), 0, 12)}" }
  config_value   = local.config_fits ? local.whole : join(",", [for number in sort(keys(local.config_parts)) : "sm://projects/${var.project}/secrets/${local.config_secrets[number]}"])
}
