variable "access" {
  description = "Who may read the pages of each kind: \"iam\" (those who may invoke the function), \"token\" (those who have one of `tokens`, as Bearer or as the password of Basic) or \"public\". One page that is not \"iam\" opens its function to the internet; the function then guards each page, and its scheduled runs, itself. All pages but `health` are of one function, Metrics: either all of them are \"iam\", or none is. Who has one of `act_tokens` may also acknowledge and silence on the dashboard, which is not behind IAM then."
  type = object({
    act_tokens  = optional(list(string), [])
    api         = optional(string, "iam")
    badges      = optional(string, "iam")
    cors        = optional(list(string), [])
    dashboard   = optional(string, "iam")
    health      = optional(string, "iam")
    openmetrics = optional(string, "iam")
    playbooks   = optional(string, "iam")
    tokens      = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for surface in ["api", "badges", "dashboard", "health", "openmetrics", "playbooks"] : contains(["iam", "token", "public"], var.access[surface])])
    error_message = "Each page of \"access\" must be readable by \"iam\", \"token\" or \"public\". Example: access = { dashboard = \"token\", tokens = [\"secret:read-token\"] }"
  }
  validation {
    condition     = length(distinct([for surface in ["api", "badges", "dashboard", "openmetrics", "playbooks"] : var.access[surface] == "iam"])) == 1
    error_message = "The pages of Metrics are behind IAM together, or not at all: one that is not \"iam\" opens their function, and the others would be closed to everyone. Example: access = { api = \"token\", badges = \"public\", dashboard = \"token\", openmetrics = \"token\", playbooks = \"public\", tokens = [\"secret:read-token\"] }"
  }
  validation {
    condition     = length(var.access.tokens) > 0 || !anytrue([for surface in ["api", "badges", "dashboard", "health", "openmetrics", "playbooks"] : var.access[surface] == "token"])
    error_message = "A page that is read by \"token\" needs at least one token. Example: access = { dashboard = \"token\", tokens = [\"secret:read-token\"] }"
  }
  validation {
    condition     = length(var.access.act_tokens) == 0 || var.access.dashboard != "iam"
    error_message = "\"act_tokens\" are for a dashboard that is not behind IAM, which does not say who a reader is. Example: access = { api = \"token\", badges = \"public\", dashboard = \"token\", openmetrics = \"token\", playbooks = \"public\", tokens = [\"secret:read-token\"], act_tokens = [\"secret:act-token\"] }"
  }
  validation {
    condition     = length(setintersection(var.access.tokens, var.access.act_tokens)) == 0
    error_message = "A token is in \"tokens\" and in \"act_tokens\", with which everyone who reads would act. Example: access = { api = \"token\", badges = \"public\", dashboard = \"token\", openmetrics = \"token\", playbooks = \"public\", tokens = [\"secret:read-token\"], act_tokens = [\"secret:act-token\"] }"
  }
  validation {
    condition     = alltrue([for token in concat(var.access.tokens, var.access.act_tokens) : can(regex("^(secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", token))])
    error_message = "A read token must be named, never written here. Example: tokens = [\"secret:read-token\"], or tokens = [\"sm://projects/my-project/secrets/read-token\"]"
  }
}

variable "alerting" {
  description = "When and how often people are notified; docs/configuration.md, `alerting`, says what each key means and its default."
  type = object({
    canary            = optional(object({ databases = optional(number), enabled = optional(bool), url = optional(string), within = optional(string) }))
    edit_every        = optional(string)
    escalate_after    = optional(string)
    flapping          = optional(object({ enabled = optional(bool), start = optional(number), stop = optional(number) }))
    grouping          = optional(object({ databases = optional(number), enabled = optional(bool), join_within = optional(string) }))
    missing           = optional(object({ grace = optional(string), intervals = optional(number) }))
    reminders         = optional(object({ acknowledged = optional(list(string)), critical = optional(list(string)), warning = optional(list(string)) }))
    reopen_within     = optional(string)
    rotation_notice   = optional(string)
    silences          = optional(object({ choices = optional(list(string)), default = optional(string), max = optional(string) }))
    undelivered_after = optional(string)
    unstable          = optional(object({ reopenings = optional(number), stable_for = optional(string), within = optional(string) }))
  })
  default = null
}

variable "budget" {
  description = "How much of a database's monthly commands pongwatch may use; docs/configuration.md, `budget`."
  type = object({
    commands = optional(number)
    override = optional(bool)
    share    = optional(number)
    stop_at  = optional(number)
  })
  default = null
}

variable "changes" {
  description = "What Metrics looks for in the hour before a failure: `deployments` of each app's `cloud_run`, new versions of the `secrets` with the databases' credentials, the `audit_log` of the account in `management`, the databases' `limits`, and pongwatch's own `configuration`. Metrics may read each of those services and secrets, and nothing else; without it, none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for source in var.changes : contains(["deployments", "secrets", "audit_log", "limits", "configuration"], source)])
    error_message = "changes lists deployments, secrets, audit_log, limits and configuration. Example: changes = [\"deployments\", \"secrets\"]"
  }
  validation {
    condition     = !contains(var.changes, "audit_log") || var.management != null
    error_message = "changes has audit_log, which needs management. Example: management = { email = \"ops@example.com\", api_key = \"secret:upstash-api-key\" }"
  }
}

variable "checks" {
  description = "Which checks run, and how often, by the check's name; docs/configuration.md, `checks`. A database may differ."
  type = map(object({
    enabled      = optional(bool)
    every        = optional(string)
    exempt       = optional(list(string))
    max_commands = optional(number)
    pattern      = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for check in keys(var.checks) : contains(["ping", "latency", "write", "mock_mode", "hit_rate", "memory", "commands", "bandwidth", "budget", "connections", "eviction", "isolation", "values", "round_trip"], check)])
    error_message = "Each key of \"checks\" must be a check: ping, latency, write, mock_mode, hit_rate, memory, commands, bandwidth, budget, connections, eviction, isolation, values or round_trip. Example: checks = { isolation = { enabled = false } }"
  }
}

variable "credentials" {
  description = "An existing secret, or a list of some, that hold the tokens of the databases that name none, as JSON: {\"prod-cache\": {\"token\": \"…\"}}. Without it the module makes the secret \"databases\", and another for each 250 databases, which `database_tokens` fills."
  type        = any
  default     = null

  validation {
    condition     = var.credentials == null || try(length(flatten([var.credentials])) > 0 && alltrue([for secret in flatten([var.credentials]) : can(regex("^sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?$", secret))]), false)
    error_message = "\"credentials\" must refer to a secret that exists. Example: credentials = \"sm://projects/my-project/secrets/upstash-tokens\""
  }
}

variable "database_tokens" {
  description = "The Standard REST token of each database that names none, by its name. Ephemeral: neither state nor plan holds it. Hand it over as TF_VAR_database_tokens, at plan and at apply, as long as `secret_versions` has the key \"databases\"."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = !contains(keys(var.secret_versions), "databases") || var.credentials != null || alltrue([for name, database in var.databases : database.token != null || try(length(var.database_tokens[name]) > 0, false)])
    error_message = "secret_versions has \"databases\", so every database that names no token needs one in database_tokens. Example: export TF_VAR_database_tokens='{\"prod-cache\":\"AX…\"}'"
  }
  validation {
    condition     = length(var.database_tokens) == 0 || contains(keys(var.secret_versions), "databases")
    error_message = "database_tokens are given and secret_versions does not count them, so they would be written nowhere. Example: secret_versions = { databases = 1 }"
  }
  validation {
    condition     = alltrue([for token in values(var.database_tokens) : length(token) <= 150])
    error_message = "A token of database_tokens has more than 150 characters, which no token of Upstash has. Example: export TF_VAR_database_tokens='{\"prod-cache\":\"AX…\"}'"
  }
  validation {
    condition     = alltrue([for token in values(var.database_tokens) : !can(regex("[\\s\"']|^Bearer |://|^[A-Za-z_][A-Za-z0-9_]*=[^=]", token))])
    error_message = "A token of database_tokens is not what the Upstash console shows as UPSTASH_REDIS_REST_TOKEN: it has quotes, white space, \"Bearer \", an address or the variable's name in it. Example: export TF_VAR_database_tokens='{\"prod-cache\":\"AX…\"}'"
  }
}

variable "databases" {
  description = "The Upstash databases to watch, by an immutable name. `url` is the REST URL, `token` names a secret of its own (without it the token is in `credentials` or `database_tokens`); the other keys are those of docs/configuration.md, `databases`."
  type = map(object({
    app = optional(list(object({
      cloud_run     = optional(string)
      health_url    = optional(string)
      impact        = optional(bool)
      limiter       = optional(bool)
      limiter_every = optional(string)
      match         = optional(object({ connected = list(string), mock = optional(list(string)), path = string }))
      proof         = optional(bool)
      proof_every   = optional(string)
      service       = optional(string)
      url_variables = optional(list(string))
      vercel        = optional(string)
    })), [])
    budget = optional(object({ commands = optional(number), override = optional(bool), share = optional(number), stop_at = optional(number) }))
    checks = optional(map(object({
      enabled      = optional(bool)
      every        = optional(string)
      exempt       = optional(list(string))
      max_commands = optional(number)
      pattern      = optional(string)
    })), {})
    database_id = optional(string)
    environment = optional(string)
    eviction    = optional(string)
    home        = optional(string)
    limits = optional(object({
      bandwidth           = optional(string)
      commands            = optional(number)
      commands_per_second = optional(number)
      memory              = optional(string)
      request             = optional(string)
    }))
    mock      = optional(bool)
    objective = optional(number)
    plan      = optional(string)
    region    = optional(string)
    shard     = optional(string, "main")
    thresholds = optional(map(object({
      close          = optional(string)
      confirm        = optional(object({ close = optional(number), close_reopened = optional(number), failures = optional(number), of = optional(number), runs = optional(number) }))
      critical       = optional(string)
      critical_close = optional(number)
      immediate      = optional(list(string))
      min_lookups    = optional(number)
      open           = optional(string)
      severity       = optional(string)
      warn           = optional(number)
      warn_close     = optional(number)
      window         = optional(string)
    })), {})
    token = optional(string)
    url   = optional(string)
  }))
  nullable = false

  validation {
    condition     = length(var.databases) > 0
    error_message = "There must be a database to watch. Example: databases = { prod-cache = { url = \"https://merry-cat-32748.upstash.io\" } }"
  }
  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", name))])
    error_message = "A database's name must have lower-case letters, digits and dashes only, and at most 63 of them. Example: databases = { prod-cache = { url = \"https://merry-cat-32748.upstash.io\" } }"
  }
  validation {
    condition     = alltrue([for database in var.databases : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", database.shard))])
    error_message = "A shard's name must have lower-case letters, digits and dashes only, and at most 63 of them. Example: shard = \"europe\""
  }
  validation {
    condition     = alltrue([for database in var.databases : database.url == null || can(regex("^(https://[^/@?#,;\\s]+/?|secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", database.url))])
    error_message = "A database's url must be its REST URL, as the Upstash console shows it (not the rediss:// one, and no http://), or name a secret that holds it. Example: url = \"https://merry-cat-32748.upstash.io\""
  }
  validation {
    condition     = alltrue([for database in var.databases : database.token == null || can(regex("^(secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", database.token))])
    error_message = "A database's token must be named, never written here: it would end in the state. Example: token = \"sm://projects/my-project/secrets/prod-cache-token\", or leave it out and use TF_VAR_database_tokens."
  }
  validation {
    condition     = alltrue([for size in values({ for name, database in var.databases : database.shard => name... }) : length(size) <= 500])
    error_message = "A shard holds at most 500 databases, and is sized for 250. Example: databases = { prod-cache = { shard = \"europe\", … } }"
  }
  validation {
    condition     = alltrue(flatten([for database in var.databases : [for app in database.app : app.cloud_run == null || can(regex("^projects/[^/]+/locations/[^/]+/services/[^/]+$", app.cloud_run))]]))
    error_message = "A database's app.cloud_run must be the full name of a Cloud Run service. Example: cloud_run = \"projects/my-project/locations/us-east4/services/backend\""
  }
  validation {
    condition     = alltrue(flatten([for database in var.databases : [for app in database.app : app.impact != true || app.cloud_run != null]]))
    error_message = "A database's app.impact counts the requests of app.cloud_run, which is not given. Example: app = [{ cloud_run = \"projects/my-project/locations/us-east4/services/backend\", impact = true }]"
  }
  validation {
    condition     = alltrue(flatten([for database in var.databases : [for app in database.app : app.match == null || (app.health_url != null && can(regex("^\\$", app.match.path)) && try(length(app.match.connected) > 0, false))]]))
    error_message = "A database's app.match must have a JSONPath and the words for connected, and reads the page of health_url. Example: match = { path = \"$.cache.driver\", connected = [\"upstash\"], mock = [\"memory\"] }"
  }
}

variable "environment" {
  description = "The environment of every database that names none, for routes and messages."
  type        = string
  default     = "production"
}

variable "firestore" {
  description = "The Firestore database of history and open incidents. Without `database` its name is `prefix`, since two installations cannot share one. `protected` keeps it from being deleted, also by `terraform destroy`. `existing` uses one that is there already, such as the one that a destroy left, in place of making it; where it lies and whether it is protected then stays as it is."
  type = object({
    database  = optional(string)
    existing  = optional(bool, false)
    location  = optional(string)
    protected = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.firestore.database == null || can(regex("^([a-z][a-z0-9-]{2,61}[a-z0-9]|\\(default\\))$", var.firestore.database))
    error_message = "firestore.database must have 4 to 63 lower-case letters, digits and dashes, or be \"(default)\". Example: firestore = { database = \"pongwatch\", location = \"nam5\" }"
  }
  validation {
    condition     = !var.firestore.existing || var.firestore.protected && var.firestore.location == null
    error_message = "A database that exists stays where it is and is never deleted: firestore.existing goes without location and without protected = false. Example: firestore = { existing = true }"
  }
}

variable "heartbeat" {
  description = "An address outside Google Cloud that Alert asks each minute while it works and every critical incident was delivered, so that its owner notices when the whole project falls silent."
  type = object({
    every = optional(string)
    url   = string
  })
  default = null

  validation {
    condition     = var.heartbeat == null || can(regex("^(https://|secret:[a-z0-9][a-z0-9-]{0,62}$|sm://projects/[^/]+/secrets/[^/]+)", var.heartbeat.url))
    error_message = "heartbeat.url must be an https:// address, or name a secret that holds it. Example: heartbeat = { url = \"secret:heartbeat-url\" }"
  }
}

variable "history" {
  description = "For how many days is kept what; docs/configuration.md, `history`."
  type = object({
    hot_days      = optional(number)
    incident_days = optional(number)
    rollup_days   = optional(number)
    sample_days   = optional(number)
  })
  default = null
}

variable "home" {
  description = "The region whose word weighs most, usually the one where the app runs. Without it the first of `regions`."
  type        = string
  default     = null
}

variable "inbound" {
  description = "What AlertWebhook accepts: presses of Slack buttons, signed events of apps, signed links in messages. Setting it deploys that function, which is public. Each key names a secret. `url` is its address where that is a load balancer's."
  type = object({
    event_keys           = optional(list(string), [])
    link_keys            = optional(list(string), [])
    slack_signing_secret = optional(string)
    url                  = optional(string)
  })
  default = null

  validation {
    condition     = var.inbound == null || length(compact(concat(try(var.inbound.event_keys, []), try(var.inbound.link_keys, []), [try(var.inbound.slack_signing_secret, null)]))) > 0
    error_message = "\"inbound\" deploys a public function, which without any key refuses everything. Example: inbound = { slack_signing_secret = \"secret:slack-signing-secret\" }"
  }
  validation {
    condition     = alltrue([for key in compact(concat(try(var.inbound.event_keys, []), try(var.inbound.link_keys, []), [try(var.inbound.slack_signing_secret, null)])) : can(regex("^(secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", key))])
    error_message = "The keys of \"inbound\" must be named, never written here. Example: inbound = { link_keys = [\"secret:link-key\"] }"
  }
  validation {
    condition     = try(var.inbound.url, null) == null || can(regex("^https://[^/@\\s]+(/[^?#\\s]*)?$", var.inbound.url))
    error_message = "inbound.url must be an https:// address, as Slack and apps reach AlertWebhook. Example: inbound = { url = \"https://pongwatch.example.com\", link_keys = [\"secret:link-key\"] }"
  }
}

variable "ingress" {
  description = "From where HealthCheck and Metrics can be reached: ALLOW_ALL (IAM still decides who may), ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB. Scheduler and Cloud Monitoring count as internal."
  type        = string
  default     = "ALLOW_ALL"

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.ingress)
    error_message = "\"ingress\" must be ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB. Example: ingress = \"ALLOW_INTERNAL_AND_GCLB\""
  }
}

variable "ingress_alert" {
  description = "From where Alert can be reached. Pub/Sub counts as internal; ALLOW_INTERNAL_AND_GCLB is for organisations whose policy allows only that."
  type        = string
  default     = "ALLOW_INTERNAL_ONLY"
  nullable    = false

  validation {
    condition     = contains(["ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.ingress_alert)
    error_message = "\"ingress_alert\" must be ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB: only Pub/Sub asks Alert. Example: ingress_alert = \"ALLOW_INTERNAL_AND_GCLB\""
  }
}

variable "ingress_webhook" {
  description = "From where AlertWebhook can be reached: ALLOW_ALL, or ALLOW_INTERNAL_AND_GCLB behind a load balancer of yours, whose address is `inbound.url`."
  type        = string
  default     = "ALLOW_ALL"
  nullable    = false

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_AND_GCLB"], var.ingress_webhook)
    error_message = "\"ingress_webhook\" must be ALLOW_ALL or ALLOW_INTERNAL_AND_GCLB: Slack and apps ask AlertWebhook from outside. Example: ingress_webhook = \"ALLOW_INTERNAL_AND_GCLB\""
  }
  validation {
    condition     = var.ingress_webhook == "ALLOW_ALL" || var.inbound == null || try(var.inbound.url, null) != null
    error_message = "Behind a load balancer AlertWebhook is not reached by its own address, so inbound.url must say by which. Example: inbound = { url = \"https://pongwatch.example.com\", link_keys = [\"secret:link-key\"] }"
  }
}

variable "kms_key" {
  description = "The key of Cloud KMS that encrypts bucket, images, functions, topics, secrets and a Firestore database that Terraform makes. It lies in `region`; in each further location there must be a key of the same name in a ring of the same name. docs/operations.md, \"In a company\", says who must be allowed to use it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "\"kms_key\" must be the full name of a key, without a version. Example: kms_key = \"projects/my-keys/locations/us-east4/keyRings/pongwatch/cryptoKeys/pongwatch\""
  }
  validation {
    condition     = var.kms_key == null || try(split("/", var.kms_key)[3], var.region) == var.region
    error_message = "\"kms_key\" must lie in \"region\"; those of further regions are found by the same name. Example: region = \"us-east4\" with kms_key = \"projects/my-keys/locations/us-east4/keyRings/pongwatch/cryptoKeys/pongwatch\""
  }
}

variable "labels" {
  description = "Labels of everything that can have them, for the bill."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[\\p{Ll}\\p{Lo}][\\p{Ll}\\p{Lo}\\p{N}_-]{0,62}$", key)) && can(regex("^[\\p{Ll}\\p{Lo}\\p{N}_-]{0,63}$", value))])
    error_message = "A label must have lower-case letters, digits, dashes and underscores only, at most 63 of them, and its key must begin with a letter. Example: labels = { cost-center = \"platform\" }"
  }
}

variable "links" {
  description = "Where links in messages and pages lead; docs/configuration.md, `links`."
  type = object({
    console   = optional(string)
    dashboard = optional(string)
    logs      = optional(string)
    playbook  = optional(string)
    status    = optional(string)
  })
  default  = {}
  nullable = false
}

variable "log_sink" {
  description = "The log sink that finds apps which say in their log that they are in mock mode. `filter` narrows it."
  type = object({
    enabled = optional(bool, true)
    filter  = optional(string)
  })
  default  = {}
  nullable = false
}

variable "maintenance" {
  description = "Planned work, during which new incidents send no notification; docs/configuration.md, `maintenance`."
  type = list(object({
    cron         = optional(string)
    databases    = optional(list(string))
    environments = optional(list(string))
    for          = optional(string)
    from         = optional(string)
    name         = string
    reason       = optional(string)
    until        = optional(string)
    zone         = optional(string)
  }))
  default  = []
  nullable = false
}

variable "management" {
  description = "Read access to the Upstash account, for figures that a database itself does not have, and to warn of what differs there. `api_key` names a secret."
  type = object({
    api_key = string
    email   = string
    ignore  = optional(list(string))
  })
  default = null

  validation {
    condition     = var.management == null || can(regex("^(secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", var.management.api_key))
    error_message = "management.api_key must be named, never written here. Example: management = { email = \"ops@example.com\", api_key = \"secret:upstash-api-key\" }"
  }
}

variable "metrics_per_database" {
  description = "Whether the log-based metrics have a label for the database. Each database and region then costs about 4 MiB a month of Cloud Monitoring, of which 150 MiB are free. Without it: up to 40 databases × regions."
  type        = bool
  default     = null
}

variable "notification_channels" {
  description = "Further channels of Cloud Monitoring for alerts about pongwatch itself, by their full names. The mail to `oncall_email` is always sent."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "A notification channel must be given by its full name. Example: notification_channels = [\"projects/my-project/notificationChannels/1234567890\"]"
  }
}

variable "objective" {
  description = "The share of pings that should be good, from which the dashboard works out the error budget."
  type        = number
  default     = null
}

variable "oncall" {
  description = "Who is on call, for messages, and who may acknowledge and silence; docs/configuration.md, `oncall`."
  type = object({
    actors = optional(list(string))
    name   = optional(string)
  })
  default  = {}
  nullable = false
}

variable "oncall_email" {
  description = "Whom Cloud Monitoring notifies when pongwatch itself fails, independently of every receiver. It is required: an unwatched monitor fails silently."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.oncall_email))
    error_message = "\"oncall_email\" must be a mail address. Example: oncall_email = \"oncall@example.com\""
  }
}

variable "prefix" {
  description = "Begins the name of everything, so that two installations fit into one project."
  type        = string
  default     = "pongwatch"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,16}[a-z0-9]$", var.prefix))
    error_message = "\"prefix\" must have 2 to 18 lower-case letters, digits and dashes: a service account's name, which it begins, has at most 30. Example: prefix = \"pongwatch\""
  }
}

variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = !strcontains(var.project, ":")
    error_message = "\"project\" is one of a domain, such as example.com:my-project, after which a bucket cannot be named. Make a project without a domain for pongwatch; it may watch from there. Example: project = \"my-project\""
  }
  validation {
    condition     = strcontains(var.project, ":") || can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "\"project\" must be the project's id, not its number or display name. Example: project = \"my-project\""
  }
}

variable "project_number" {
  description = "The number of the project. Without it Terraform asks, which needs the permission to read the project."
  type        = string
  default     = null

  validation {
    condition     = var.project_number == null || can(regex("^[0-9]+$", var.project_number))
    error_message = "\"project_number\" must have digits only: gcloud projects describe my-project --format 'value(projectNumber)'. Example: project_number = \"123456789012\""
  }
}

variable "proof_key" {
  description = "The secret with the key by which pongwatch signs the request that asks an app for its mock-mode proof, or tests its limiter."
  type        = string
  default     = null

  validation {
    condition     = var.proof_key == null || can(regex("^(secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", var.proof_key))
    error_message = "\"proof_key\" must be named, never written here. Example: proof_key = \"secret:proof-key\""
  }
  validation {
    condition     = var.proof_key != null || !anytrue(flatten([for database in var.databases : [for app in database.app : app.proof == true || app.limiter == true]]))
    error_message = "An app with \"proof\" or \"limiter\" needs a proof_key, with which the request is signed. Example: proof_key = \"secret:proof-key\""
  }
}

variable "readers" {
  description = "Who may read pages of kind \"iam\"."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.readers : can(regex("^(user|group|serviceAccount|domain|principal|principalSet):", member))])
    error_message = "A reader must be a person, group or service account, as IAM writes them; to open pages to everyone, say so in \"access\". Example: readers = [\"group:sre@example.com\"]"
  }
}

variable "receivers" {
  description = "Where alerts are delivered, by a name: each has exactly one of slack, email, pagerduty and webhook; docs/configuration.md, `receivers`. What is a secret is named."
  type = map(object({
    email = optional(object({
      from     = string
      host     = string
      password = optional(string)
      port     = optional(number)
      tls      = optional(string)
      to       = list(string)
      username = optional(string)
    }))
    fallback  = optional(string)
    pagerduty = optional(object({ routing_key = string, url = optional(string) }))
    pages     = optional(bool)
    slack = optional(object({
      api_url   = optional(string)
      app_id    = optional(string)
      approvers = optional(list(string))
      bot_token = optional(string)
      buttons   = optional(bool)
      channel   = optional(string)
      mention   = optional(list(string))
      team_id   = optional(string)
      webhook   = optional(string)
    }))
    webhook = optional(object({
      format   = optional(string)
      keys     = optional(list(string))
      password = optional(string)
      token    = optional(string)
      url      = string
      username = optional(string)
    }))
  }))
  nullable = false

  validation {
    condition     = length(var.receivers) > 0
    error_message = "There must be a receiver. Example: receivers = { slack-oncall = { slack = { webhook = \"secret:slack-webhook\" } } }"
  }
  validation {
    condition     = alltrue([for name in keys(var.receivers) : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", name))])
    error_message = "A receiver's name must have lower-case letters, digits and dashes only, and at most 63 of them. Example: receivers = { slack-oncall = { … } }"
  }
  validation {
    condition     = alltrue([for receiver in var.receivers : length([for kind in ["email", "pagerduty", "slack", "webhook"] : kind if receiver[kind] != null]) == 1])
    error_message = "A receiver must have exactly one of slack, email, pagerduty and webhook. Example: receivers = { slack-oncall = { slack = { webhook = \"secret:slack-webhook\" } } }"
  }
  validation {
    condition     = alltrue([for receiver in var.receivers : receiver.slack == null || length(compact([try(receiver.slack.webhook, null), try(receiver.slack.bot_token, null)])) == 1])
    error_message = "A Slack receiver must have exactly one of webhook and bot_token. Example: slack = { bot_token = \"secret:slack-bot-token\", channel = \"C0123456789\" }"
  }
  validation {
    condition     = alltrue([for receiver in var.receivers : receiver.email == null || can(regex("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", receiver.email.host))])
    error_message = "A receiver's email.host must be the name of a mail server, without scheme and port. Example: email = { host = \"smtp.example.com\", port = 587, from = \"alerts@example.com\", to = [\"oncall@example.com\"] }"
  }
  validation {
    condition     = alltrue([for receiver in var.receivers : receiver.webhook == null || can(regex("^(https://[^/@\\s]+(/\\S*)?|secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", receiver.webhook.url))])
    error_message = "A receiver's webhook.url must be an https:// address without a user, or name a secret that holds it. Example: webhook = { url = \"https://hooks.example.com/pongwatch\", keys = [\"secret:webhook-key\"] }"
  }
  validation {
    condition = alltrue(flatten([for receiver in var.receivers : [for value in compact(concat(
      [try(receiver.slack.webhook, null), try(receiver.slack.bot_token, null), try(receiver.email.password, null), try(receiver.pagerduty.routing_key, null), try(receiver.webhook.token, null), try(receiver.webhook.password, null)],
      coalesce(try(receiver.webhook.keys, null), []),
    )) : can(regex("^(secret:[a-z0-9][a-z0-9-]{0,62}|sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?)$", value))]]))
    error_message = "A receiver's secret must be named, never written here: it would end in the state. Example: slack = { webhook = \"secret:slack-webhook\" }, whose value is handed over by TF_VAR_secret_values."
  }
}

variable "region" {
  description = "The region of Alert, Metrics, AlertWebhook and, without `regions`, HealthCheck. Best the one where the app runs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "\"region\" must be a region of Google Cloud, not a zone. Example: region = \"us-east4\""
  }
}

variable "regions" {
  description = "The regions from which HealthCheck runs. They vote on whether a database is down."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^[a-z]+-[a-z]+[0-9]+$", region))]) && length(distinct(var.regions)) == length(var.regions)
    error_message = "\"regions\" must be different regions of Google Cloud, not zones. Example: regions = [\"us-east4\", \"europe-west1\"]"
  }
}

variable "routes" {
  description = "Which alerts go to which receivers; the first that matches is used. docs/configuration.md, `routes`."
  type = list(object({
    continue       = optional(bool)
    databases      = optional(list(string))
    environments   = optional(list(string))
    escalate_after = optional(string)
    escalate_to    = optional(list(string))
    fallback       = optional(list(string))
    receivers      = list(string)
    reminders      = optional(object({ acknowledged = optional(list(string)), critical = optional(list(string)), warning = optional(list(string)) }))
    severities     = optional(list(string))
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue(flatten([for route in var.routes : [for name in concat(route.receivers, coalesce(route.fallback, []), coalesce(route.escalate_to, [])) : contains(keys(var.receivers), name)]]))
    error_message = "A route names a receiver that does not exist. Example: receivers = { slack-oncall = { … } } with routes = [{ receivers = [\"slack-oncall\"] }]"
  }
}

variable "runtime" {
  description = "The runtime of the functions. The code needs Go 1.26 or newer; go126 is deprecated from February 2027."
  type        = string
  default     = "go127"
  nullable    = false

  validation {
    condition     = can(regex("^go1(2[6-9]|[3-9][0-9])$", var.runtime))
    error_message = "\"runtime\" must be a Go runtime from 1.26 on. Example: runtime = \"go127\""
  }
}

variable "scaling" {
  description = "Instances and memory of each function. Without max_instances HealthCheck and Metrics get one for each shard and two for people; without memory Metrics gets 256Mi, above 5,000 databases as much as its pages take. GOMEMLIMIT follows from the memory."
  type = object({
    alert       = optional(object({ concurrency = optional(number, 8), max_instances = optional(number, 2), memory = optional(string, "256Mi"), min_instances = optional(number, 0) }), {})
    healthcheck = optional(object({ concurrency = optional(number, 4), max_instances = optional(number), memory = optional(string, "256Mi"), min_instances = optional(number, 0) }), {})
    metrics     = optional(object({ concurrency = optional(number, 8), max_instances = optional(number), memory = optional(string), min_instances = optional(number, 0) }), {})
    webhook     = optional(object({ concurrency = optional(number, 20), max_instances = optional(number, 3), memory = optional(string, "256Mi"), min_instances = optional(number, 0) }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for function in values(var.scaling) : function.concurrency >= 1 && function.concurrency <= 1000])
    error_message = "A function's concurrency must be from 1 to 1000 requests. Example: scaling = { healthcheck = { concurrency = 4 } }"
  }
  validation {
    condition     = alltrue([for function in values(var.scaling) : can(regex("^[1-9][0-9]{0,4}(Mi|Gi)$", coalesce(function.memory, "256Mi")))])
    error_message = "A function's memory must be a number of Mi or Gi. Example: scaling = { healthcheck = { memory = \"512Mi\" } }"
  }
}

variable "schedule" {
  description = "How often the scheduled jobs run, in minutes, as Cloud Scheduler counts."
  type = object({
    healthcheck_minutes = optional(number, 1)
    metrics_minutes     = optional(number, 5)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for minutes in values(var.schedule) : contains([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60], minutes)])
    error_message = "A job's interval must divide an hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes. Example: schedule = { healthcheck_minutes = 1, metrics_minutes = 5 }"
  }
}

variable "secret_locations" {
  description = "The regions in which the secrets lie, where an organisation does not leave that to Google (gcp.resourceLocations). Without it Google chooses or, with `kms_key`, the regions of the functions are used. A later change makes the secrets anew, without the versions that people added."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for location in var.secret_locations : can(regex("^[a-z]+-[a-z]+[0-9]+$", location))]) && length(distinct(var.secret_locations)) == length(var.secret_locations)
    error_message = "\"secret_locations\" must be different regions of Google Cloud. Example: secret_locations = [\"europe-west1\", \"europe-west4\"]"
  }
}

variable "secret_values" {
  description = "The values of the secrets that `secret_versions` counts, by name. Ephemeral: neither state nor plan holds them. Hand them over as TF_VAR_secret_values, at plan and at apply."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.secret_versions) : name == "databases" || try(length(var.secret_values[name]) > 0, false)])
    error_message = "Every name in secret_versions needs a value in secret_values. Example: export TF_VAR_secret_values='{\"slack-webhook\":\"https://hooks.slack.com/services/…\"}'"
  }
  validation {
    condition     = length(setsubtract(keys(var.secret_values), keys(var.secret_versions))) == 0
    error_message = "A value of secret_values is not counted in secret_versions, so it would be written nowhere. Example: secret_versions = { databases = 1, slack-webhook = 1 }"
  }
  validation {
    condition     = alltrue([for token in concat(var.access.tokens, var.access.act_tokens) : try(length(trimspace(var.secret_values[trimprefix(token, "secret:")])) >= 24, !contains(keys(var.secret_values), trimprefix(token, "secret:")))])
    error_message = "A read token and an act token must have at least 24 characters, otherwise it could be guessed. Example: export TF_VAR_secret_values='{\"read-token\":\"<output of openssl rand -base64 24>\"}'"
  }
}

variable "secret_versions" {
  description = "The secrets whose values Terraform writes, each with a number: raise it to write the value anew. \"databases\" is the bundles of `database_tokens`. Of a secret that is not here people add the versions; the output `secret_commands` says how."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : version >= 1 && floor(version) == version])
    error_message = "A version in secret_versions must be a whole number from 1 on. Example: secret_versions = { databases = 1, slack-webhook = 2 }"
  }
  validation {
    condition     = length(setsubtract(keys(var.secret_versions), concat(["databases"], flatten(regexall("\"secret:([a-z0-9-]+)\"", jsonencode([var.access, var.databases, var.heartbeat, var.inbound, var.management, var.proof_key, var.receivers])))))) == 0
    error_message = "secret_versions counts a secret that no variable names as \"secret:NAME\", so its value would be written nowhere. Example: receivers = { slack = { slack = { webhook = \"secret:slack-webhook\" } } } with secret_versions = { slack-webhook = 1 }"
  }
}

variable "services" {
  description = "Which database an app's service uses, for mock-mode signals that name only the service."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for database in values(var.services) : contains(keys(var.databases), database)])
    error_message = "A service names a database that does not exist. Example: services = { backend = \"prod-cache\" }"
  }
}

variable "shards" {
  description = "Settings of shards. A shard that a database names needs no entry here."
  type = map(object({
    home    = optional(string)
    regions = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.shards) : contains([for database in var.databases : database.shard], name)])
    error_message = "A shard of \"shards\" has no database. Example: shards = { europe = { regions = [\"europe-west1\"] } } with databases = { eu-cache = { shard = \"europe\", … } }"
  }
  validation {
    condition     = alltrue(flatten([for shard in var.shards : [for region in shard.regions : can(regex("^[a-z]+-[a-z]+[0-9]+$", region))]])) && alltrue([for shard in var.shards : length(distinct(shard.regions)) == length(shard.regions)])
    error_message = "The regions of a shard must be different regions of Google Cloud, not zones. Example: shards = { europe = { regions = [\"europe-west1\", \"europe-west4\"] } }"
  }
}

variable "thresholds" {
  description = "From which value, and after how many runs, a check counts as failed, by the check's name; docs/configuration.md, `thresholds`. A database may differ."
  type = map(object({
    close          = optional(string)
    confirm        = optional(object({ close = optional(number), close_reopened = optional(number), failures = optional(number), of = optional(number), runs = optional(number) }))
    critical       = optional(string)
    critical_close = optional(number)
    immediate      = optional(list(string))
    min_lookups    = optional(number)
    open           = optional(string)
    severity       = optional(string)
    warn           = optional(number)
    warn_close     = optional(number)
    window         = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for check in keys(var.thresholds) : contains(["ping", "latency", "write", "mock_mode", "hit_rate", "memory", "commands", "bandwidth", "budget", "connections", "eviction", "isolation", "values", "round_trip", "config", "monitor"], check)])
    error_message = "Each key of \"thresholds\" must be a check. Example: thresholds = { latency = { open = \"600ms\" } }"
  }
}

variable "uptime_check" {
  description = "Cloud Monitoring's own look at HealthCheck's /health, from outside. It needs `access.health` to be \"iam\" or \"public\"."
  type        = bool
  default     = true
  nullable    = false
}

variable "uptime_period" {
  description = "Every how many seconds each region of `uptime_regions` looks: 60, 300, 600 or 900. Beyond a million a month in the project, 1,000 looks cost $0.30."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = contains([60, 300, 600, 900], var.uptime_period)
    error_message = "\"uptime_period\" must be 60, 300, 600 or 900 seconds, as Cloud Monitoring counts. Example: uptime_period = 300"
  }
}

variable "uptime_regions" {
  description = "From where Cloud Monitoring looks: at least three of USA_OREGON, USA_IOWA, USA_VIRGINIA, EUROPE, ASIA_PACIFIC and SOUTH_AMERICA."
  type        = list(string)
  default     = ["USA_VIRGINIA", "EUROPE", "ASIA_PACIFIC"]
  nullable    = false

  validation {
    condition     = length(distinct(var.uptime_regions)) >= 3 && length(setsubtract(var.uptime_regions, ["USA_OREGON", "USA_IOWA", "USA_VIRGINIA", "EUROPE", "ASIA_PACIFIC", "SOUTH_AMERICA"])) == 0
    error_message = "\"uptime_regions\" must be three or more of USA_OREGON, USA_IOWA, USA_VIRGINIA, EUROPE, ASIA_PACIFIC and SOUTH_AMERICA: Cloud Monitoring takes no fewer. Example: uptime_regions = [\"USA_VIRGINIA\", \"EUROPE\", \"ASIA_PACIFIC\"]"
  }
}

variable "vpc" {
  description = "By region, the network through which `functions` (of healthcheck, metrics, alert and webhook) reach the internet, for example to come from one address: a subnet of it, or a connector."
  type = map(object({
    connector  = optional(string)
    egress     = optional(string, "VPC_EGRESS_ALL_TRAFFIC")
    functions  = optional(list(string), ["healthcheck", "metrics"])
    network    = optional(string)
    subnetwork = optional(string)
    tags       = optional(list(string))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.vpc), concat([var.region], var.regions, flatten([for shard in var.shards : shard.regions])))) == 0
    error_message = "A key of \"vpc\" must be a region in which a function runs: \"region\", or one of \"regions\". Otherwise no request would take that way. Example: region = \"us-east4\" with vpc = { us-east4 = { subnetwork = \"functions\" } }"
  }
  validation {
    condition     = alltrue([for network in var.vpc : contains(["VPC_EGRESS_ALL_TRAFFIC", "VPC_EGRESS_PRIVATE_RANGES_ONLY"], network.egress)])
    error_message = "The egress of \"vpc\" must be VPC_EGRESS_ALL_TRAFFIC, which is what sends requests to Upstash through it, or VPC_EGRESS_PRIVATE_RANGES_ONLY. Example: vpc = { us-east4 = { subnetwork = \"functions\" } }"
  }
  validation {
    condition     = alltrue([for network in var.vpc : (network.connector == null) != (network.subnetwork == null) && (network.connector == null || network.network == null && network.tags == null)])
    error_message = "Each region of \"vpc\" must have a subnetwork, or a connector and then neither network nor tags. Example: vpc = { us-east4 = { connector = \"projects/my-project/locations/us-east4/connectors/functions\" } }"
  }
  validation {
    condition     = alltrue([for network in var.vpc : length(network.functions) > 0 && length(setsubtract(network.functions, ["alert", "healthcheck", "metrics", "webhook"])) == 0])
    error_message = "The functions of \"vpc\" must be some of healthcheck, metrics, alert and webhook. Example: vpc = { us-east4 = { subnetwork = \"functions\", functions = [\"healthcheck\", \"metrics\", \"alert\"] } }"
  }
}

variable "worker_pool" {
  description = "The private pool of Cloud Build that builds the functions, where an organisation allows no other (cloudbuild.allowedWorkerPools). It lies in `region`; in each further region there must be one of the same name."
  type        = string
  default     = null

  validation {
    condition     = var.worker_pool == null || can(regex("^projects/[^/]+/locations/[^/]+/workerPools/[^/]+$", var.worker_pool))
    error_message = "\"worker_pool\" must be the full name of a private pool. Example: worker_pool = \"projects/my-builds/locations/us-east4/workerPools/private\""
  }
  validation {
    condition     = var.worker_pool == null || try(split("/", var.worker_pool)[3], var.region) == var.region
    error_message = "\"worker_pool\" must lie in \"region\"; those of further regions are found by the same name. Example: region = \"us-east4\" with worker_pool = \"projects/my-builds/locations/us-east4/workerPools/private\""
  }
}
