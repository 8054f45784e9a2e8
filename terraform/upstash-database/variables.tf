variable "auto_scale" {
  description = "Whether the plan grows with use."
  type        = bool
  default     = false
}

variable "budget" {
  description = "The most dollars a month; Upstash stops the database beyond it."
  type        = number
  default     = 20
}

variable "eviction" {
  description = "Whether keys are dropped silently once the database is full. pongwatch warns where they are: a queue or a session would be lost."
  type        = bool
  default     = false
}

variable "name" {
  description = "The name of the database, also in pongwatch's configuration. To change it would replace the database, and is refused."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.name))
    error_message = "\"name\" must have lower-case letters, digits and dashes only. Example: name = \"prod-cache\""
  }
}

variable "prefix" {
  description = "Begins the names of the secrets."
  type        = string
  default     = "upstash"
}

variable "primary_region" {
  description = "The region of writes. To change it would replace the database, and is refused."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+-[0-9]$", var.primary_region))
    error_message = "\"primary_region\" must be a region as Upstash names them. Example: primary_region = \"us-east-1\""
  }
}

variable "prod_pack" {
  description = "Whether the database has Upstash's Prod Pack, which is billed."
  type        = bool
  default     = false
}

variable "project" {
  description = "The id of the Google Cloud project whose Secret Manager gets URL and token."
  type        = string
}

variable "read_regions" {
  description = "Further regions of reads. One that is removed in the console is not noticed here."
  type        = set(string)
  default     = []
}

variable "secret_locations" {
  description = "The regions in which the secrets lie, where an organisation does not leave that to Google (gcp.resourceLocations)."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for location in var.secret_locations : can(regex("^[a-z]+-[a-z]+[0-9]+$", location))]) && length(distinct(var.secret_locations)) == length(var.secret_locations)
    error_message = "\"secret_locations\" must be different regions of Google Cloud. Example: secret_locations = [\"europe-west1\", \"europe-west4\"]"
  }
}
