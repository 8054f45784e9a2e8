// Package secrets keeps secrets secret and fresh: Value redacts itself, Ref names
// a secret in Secret Manager, and Cache reads references through a Source, holds
// them for a while, serves them stale when the Source is down and reads them again
// at once when a service has refused one.
package secrets
