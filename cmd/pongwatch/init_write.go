package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/config/document"
)

// section is a key of the document with the comment before it.
type section struct {
	comment, key string
	value        any // as in keyed
}

// documents returns the configuration and what holds its secrets. What pongwatch config check
// would refuse is an error.
func (s *setup) documents() (written, hidden string, err error) {
	if s.terraform {
		written, hidden, err = s.tfvars()
		if err != nil {
			return "", "", err
		}
	}
	plain, script, problems := s.yaml()
	if err := problems.Err(); err != nil {
		return "", "", fmt.Errorf("what is given makes no valid configuration: %w", err)
	}
	if s.terraform {
		return written, hidden, nil
	}
	return plain, script, nil
}

func (s *setup) heading() string {
	from := "the app's variables"
	if s.email != "" {
		from = "the Upstash account " + s.email
	}
	return "# What pongwatch watches and notifies. pongwatch init wrote it from " + from + ".\n"
}

const (
	aboutDatabases = `What is watched. A name is for good, because history is kept under it. The plan has the limits with which
memory, commands and bandwidth are compared. An app that says whether it is in mock mode: docs/mock-mode.md.`
	aboutReceivers  = `Who is notified. Routes may send environments and severities to different receivers.`
	aboutManagement = `The account, from which the month's commands are read. pongwatch warns of what differs there from this
document, and of databases that nothing watches.`
)

// yaml returns the document and what holds its secrets: a second document for pongwatch local, or a script.
func (s *setup) yaml() (plain, hidden string, problems config.Problems) {
	var kept []keyed
	store := func(name, value string) string {
		if s.project == "" {
			return value
		}
		name = "pongwatch-" + name
		kept = append(kept, keyed{name, value})
		return "sm://projects/" + s.project + "/secrets/" + name
	}
	tokens := store("databases", s.bundle("token"))
	open := []section{{"", "environment", "production"}, {aboutDatabases, "databases", entries(s.entries())}}
	closed := []section{{"The tokens of the databases.", "credentials", tokens}}
	if receivers := s.receivers(store); len(receivers) > 0 {
		closed = append(closed, section{aboutReceivers, "receivers", entries(receivers)})
	}
	account, key := s.management(store)
	if key != nil {
		open = append(open, section{aboutManagement, "management", account})
		closed = append(closed, section{"The key of the Upstash account.", "management", object{{"api_key", key}}})
	}
	about := s.heading() + "# docs/configuration.md explains every key.\n"
	if s.project == "" {
		plain, hidden = about+sections(open), "# The secrets of pongwatch.yaml. No one but its owner should read this file.\n"+sections(closed)
		_, problems = config.Parse(true, config.Document{Name: "pongwatch.yaml", Text: []byte(plain)}, config.Document{Name: "the secrets", Text: []byte(hidden)})
		return plain, hidden, problems
	}
	if key != nil { // one object in one document
		closed = closed[:len(closed)-1]
		open[len(open)-1].value = append(account, keyed{"api_key", key})
	}
	plain = about + sections(append(open, closed...))
	_, problems = config.Parse(false, config.Document{Name: "pongwatch.yaml", Text: []byte(plain)})
	hidden = fmt.Sprintf(`# Stores the secrets of pongwatch.yaml. It holds them, so remove it when it has run. Where an organisation
# does not let Google choose their places, run it with LOCATIONS=europe-west1,europe-west4.
set -eu
place=${LOCATIONS:+--replication-policy=user-managed --locations=$LOCATIONS}
store() {
  gcloud secrets describe "$1" --project=%[1]s >/dev/null 2>&1 </dev/null ||
    gcloud secrets create "$1" --project=%[1]s ${place:---replication-policy=automatic} </dev/null
  gcloud secrets versions add "$1" --project=%[1]s --data-file=-
}
`, quoted(s.project))
	for _, k := range kept {
		hidden += fmt.Sprintf("printf %%s %s | store %s\n", quoted(fmt.Sprint(k.value)), k.key)
	}
	return plain, hidden, problems
}

// tfvars returns terraform.tfvars and the script that sets the variables for secrets.
func (s *setup) tfvars() (plain, hidden string, err error) {
	values, versions := map[string]string{}, object{{"databases", 1}}
	store := func(name, value string) string {
		values[name] = value
		versions = append(versions, keyed{name, 1})
		return "secret:" + name
	}
	receivers := s.receivers(store)
	if len(receivers) == 0 {
		return "", "", fmt.Errorf("no receiver: set SLACK_WEBHOOK_URL, or SMTP_HOST with SMTP_FROM and ALERT_EMAIL_TO")
	}
	var b strings.Builder
	b.WriteString(s.heading() + "# terraform/README.md and docs/configuration.md explain every variable.\n")
	attributes(&b, object{{"project", s.project}, {"region", s.region}, {"oncall_email", s.oncall}}, "")
	write := func(comment, key string, value any) {
		fmt.Fprintf(&b, "\n# %s\n%s = %s\n", strings.ReplaceAll(comment, "\n", "\n# "), key, hcl(value, true))
	}
	write(aboutDatabases, "databases", s.entries())
	write(aboutReceivers, "receivers", receivers)
	if account, key := s.management(store); key != nil {
		write(aboutManagement, "management", append(account, keyed{"api_key", key}))
	}
	write("Count a secret up to write its value anew.", "secret_versions", versions)
	given, err := json.Marshal(values)
	if err != nil {
		return "", "", fmt.Errorf("encoding the secrets: %w", err)
	}
	return b.String(), "# The secrets of terraform.tfvars, for: . ./pongwatch-secrets.sh. No one but its owner should read this file.\n" +
		"export TF_VAR_database_tokens=" + quoted(s.bundle("")) + "\nexport TF_VAR_secret_values=" + quoted(string(given)) + "\n", nil
}

// entries returns the databases by their names.
func (s *setup) entries() object {
	var out object
	for _, d := range s.databases {
		o := object{{"url", d.url}}
		if plan := config.PlanName(d.Type, d.MaxData); plan != "" {
			o = append(o, keyed{"plan", plan})
			if plan == "custom" {
				o = append(o, keyed{"limits", object{{"memory", document.Bytes(d.MaxData).String()}}})
			}
		}
		if d.Region != "" {
			o = append(o, keyed{"region", d.Region})
		}
		if d.ID != "" {
			o = append(o, keyed{"database_id", d.ID})
		}
		if d.Eviction != nil {
			o = append(o, keyed{"eviction", onOff(*d.Eviction)})
		}
		out = append(out, keyed{d.name, o})
	}
	return out
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// bundle returns the tokens as one JSON object by database, each under the field if there is one.
func (s *setup) bundle(field string) string {
	var o object
	for _, d := range s.databases {
		value := any(d.token.Reveal())
		if field != "" {
			value = object{{field, value}}
		}
		o = append(o, keyed{d.name, value})
	}
	text, _ := json.Marshal(o) // texts always encode
	return string(text)
}

// receivers returns those that the variables make, by name. store keeps a secret and returns what
// stands for it.
func (s *setup) receivers(store func(name, value string) string) object {
	var out object
	get := func(name string) string { return strings.TrimSpace(s.getenv(name)) }
	if bot := get("SLACK_BOT_TOKEN"); bot != "" {
		out = append(out, keyed{"slack", object{{"slack", object{{"bot_token", store("slack-bot-token", bot)}, {"channel", get("SLACK_CHANNEL")}}}}})
	} else if webhook := get("SLACK_WEBHOOK_URL") + s.slack; webhook != "" {
		out = append(out, keyed{"slack", object{{"slack", object{{"webhook", store("slack-webhook", webhook)}}}}})
	}
	if get("SMTP_HOST") == "" {
		return out
	}
	to := list{}
	for address := range strings.SplitSeq(get("ALERT_EMAIL_TO"), ",") {
		to = append(to, strings.TrimSpace(address))
	}
	mail := object{{"host", get("SMTP_HOST")}, {"from", get("SMTP_FROM")}, {"to", to}}
	if port, err := strconv.Atoi(get("SMTP_PORT")); err == nil {
		mail = append(mail, keyed{"port", port})
	} else if get("SMTP_PORT") != "" { // refused with the rest, since another would stand in its place
		mail = append(mail, keyed{"port", get("SMTP_PORT")})
	}
	if user := get("SMTP_USERNAME"); user != "" {
		mail = append(mail, keyed{"username", user})
	}
	if password := get("SMTP_PASSWORD"); password != "" {
		mail = append(mail, keyed{"password", store("smtp-password", password)})
	}
	return append(out, keyed{"email", object{{"email", mail}}})
}

// management returns the account and what stands for its key, nil where none was asked.
func (s *setup) management(store func(name, value string) string) (account object, key any) {
	if s.email == "" {
		return nil, nil
	}
	account = object{{"email", s.email}}
	if s.api != "" && s.project == "" {
		account = append(account, keyed{"url", s.api})
	}
	return account, store("upstash-api-key", s.key.Reveal())
}

// entries turns an object of named objects into the list of the document.
func entries(named object) list {
	var l list
	for _, e := range named {
		inner, _ := e.value.(object)
		l = append(l, append(object{{"name", e.key}}, inner...))
	}
	return l
}

// sections writes YAML.
func sections(all []section) string {
	var b strings.Builder
	for _, s := range all {
		b.WriteByte('\n')
		if s.comment != "" {
			b.WriteString("# " + strings.ReplaceAll(s.comment, "\n", "\n# ") + "\n")
		}
		object{{s.key, s.value}}.write(&b, "")
	}
	return b.String()
}

// attributes writes those of an object below one another, as terraform fmt aligns them.
func attributes(b *strings.Builder, o object, indent string) {
	longest := 0
	for _, e := range o {
		longest = max(longest, len(attribute(e.key)))
	}
	for _, e := range o {
		fmt.Fprintf(b, "%s%-*s = %s\n", indent, longest, attribute(e.key), hcl(e.value, false))
	}
}

// attribute returns the name of an attribute. Without quotes Terraform calculates with 2024-cache, and
// takes for and null for words of its language.
func attribute(name string) string {
	if name[0] >= '0' && name[0] <= '9' || name == "for" || name == "null" {
		return strconv.Quote(name)
	}
	return name
}

// hcl returns a value of Terraform's language, in one line or an object's entries in one each.
func hcl(v any, lines bool) string {
	switch of := v.(type) {
	case object:
		var b strings.Builder
		if lines {
			attributes(&b, of, "  ")
			return "{\n" + b.String() + "}"
		}
		for i, e := range of {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(attribute(e.key) + " = " + hcl(e.value, false))
		}
		return "{ " + b.String() + " }"
	case list:
		var items []string
		for _, item := range of {
			items = append(items, hcl(item, false))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(of))
	}
	return fmt.Sprint(v)
}

// quoted returns a word of the shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
