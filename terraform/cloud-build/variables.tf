variable "branch" {
  description = "The branch that is applied."
  type        = string
  default     = "main"
}

variable "images" {
  description = "The images in which builds run, by digest, because a tag can be moved to another image. README.md says how to look them up."
  type = object({
    go        = string
    terraform = string
  })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("^[a-z0-9./_-]+(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}$", image))])
    error_message = "Each image must be named by its digest. Example: images = { go = \"golang:1.27@sha256:<64 hexadecimal digits>\", terraform = \"hashicorp/terraform:1.15@sha256:<64 hexadecimal digits>\" }"
  }
}

variable "location" {
  description = "Where Cloud Build runs, and where the repository is connected."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.location))
    error_message = "\"location\" must be a region of Google Cloud. Example: location = \"us-east4\""
  }
}

# Its validation is its use.
# tflint-ignore: terraform_unused_declarations
variable "own_project" {
  description = "Say true once nothing but pongwatch, and apps that it may touch, is in the project. The account that applies administers Cloud Run, storage, secrets and topics of the whole project. Where something else runs there with an owner's rights, it could use that to become an owner; in a project of its own there is nothing to use."
  type        = bool

  validation {
    condition     = var.own_project
    error_message = "Builds need a project of their own: the account that applies administers Cloud Run, storage and secrets of the whole project, and could become what else runs there. Apply by hand, or move pongwatch to a project of its own and say so. Example: own_project = true"
  }
}

variable "prefix" {
  description = "Of pongwatch's own root: begins the name of everything."
  type        = string
  default     = "pongwatch"
}

variable "project" {
  description = "The id of the Google Cloud project that pongwatch is in."
  type        = string
  nullable    = false

  # The same as of pongwatch's own root, which refuses what is refused here.
  validation {
    condition     = !strcontains(var.project, ":")
    error_message = "\"project\" is one of a domain, such as example.com:my-project, after which a bucket cannot be named. Make a project without a domain for pongwatch; it may watch from there. Example: project = \"my-project\""
  }
  validation {
    condition     = strcontains(var.project, ":") || can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "\"project\" must be the project's id, not its number or display name. Example: project = \"my-project\""
  }
}

variable "repository" {
  description = "The repository, as connected to Cloud Build in the console (Repositories, 2nd gen): its full name."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "\"repository\" must be the full name of a connected repository. Example: repository = \"projects/my-project/locations/us-east4/connections/github/repositories/pongwatch\""
  }
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

variable "variables_secret" {
  description = "The id of the secret that holds pongwatch's terraform.tfvars, without it PREFIX-tfvars. The file has no secrets in it, but is the deployment's and not the repository's. Its version is added by the command of the output."
  type        = string
  default     = null
}
