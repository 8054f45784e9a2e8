package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func initCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a configuration, from the app's variables or an Upstash account",
		Long: `Writes a commented configuration that watches your databases, or with --terraform a
terraform.tfvars. On a terminal it asks for what neither flags nor variables say.

The database is that of the app's variables (UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, or
the other names that pongwatch local knows). With --account the databases are those of an
Upstash account, whose management API key is in UPSTASH_API_KEY. SLACK_WEBHOOK_URL, or
SLACK_BOT_TOKEN with SLACK_CHANNEL, and the SMTP variables make the receivers.

No secret is written into the configuration. Secrets go into a second file that only you
may read: a document for pongwatch local, or with --project the gcloud commands that store
them in Secret Manager, or with --terraform the variables that Terraform takes them from.`,
		Example: `  pongwatch init
  UPSTASH_API_KEY=… pongwatch init --account ops@example.com --all
  pongwatch init --terraform --project my-project --region us-east4 --oncall-email oncall@example.com`,
		Args: atMost(0),
	}
	var s setup
	c.Flags().StringVar(&s.email, "account", "", "take the databases from the Upstash account of this mail `address`")
	c.Flags().StringSliceVar(&s.only, "database", nil, "with --account, only the database of this `name` or id; repeat it for more")
	c.Flags().BoolVar(&s.all, "all", false, "with --account, every database")
	c.Flags().BoolVar(&s.terraform, "terraform", false, "write terraform.tfvars")
	c.Flags().StringVar(&s.project, "project", "", "the Google Cloud `project` whose Secret Manager holds the secrets")
	c.Flags().StringVar(&s.region, "region", "", "with --terraform, the Google Cloud `region`")
	c.Flags().StringVar(&s.oncall, "oncall-email", "", "with --terraform, the mail `address` that Cloud Monitoring notifies when pongwatch itself fails")
	c.Flags().StringVar(&s.out, "out", "", "write this `file` (default pongwatch.yaml or terraform.tfvars); the secrets go beside it")
	c.Flags().StringVar(&s.api, "management-url", "", "the management API's `address`, for a test")
	force := c.Flags().Bool("force", false, "replace files that exist")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s.getenv, s.problems = os.Getenv, c.ErrOrStderr()
		if f, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			s.person = &person{in: f, out: c.ErrOrStderr(), hidden: func() ([]byte, error) { return term.ReadPassword(int(f.Fd())) }}
		}
		if err := s.refuseToReplace(*force || s.person != nil); err != nil { // answers may choose other files
			return err
		}
		if err := s.gather(c.Context()); err != nil {
			return err
		}
		if err := s.refuseToReplace(*force); err != nil {
			return err
		}
		document, hidden, err := s.documents()
		if err != nil {
			return err
		}
		name, beside := s.files()
		if err := errors.Join(createFile(beside, hidden, 0o600), createFile(name, document, 0o644)); err != nil {
			return err
		}
		_, err = io.WriteString(c.OutOrStdout(), s.next())
		return err
	}
	return c
}

func (s *setup) refuseToReplace(force bool) error {
	document, hidden := s.files()
	if filepath.Clean(document) == hidden {
		return fmt.Errorf("--out %s is the name of the file with the secrets: want another, such as --out pongwatch.yaml", s.out)
	}
	for _, file := range []string{document, hidden} {
		if _, err := os.Lstat(file); err == nil && !force {
			return fmt.Errorf("%s exists; --force replaces it, and --out names another file", file)
		}
	}
	return nil
}

// createFile makes a new file, so that an old one's permissions do not stay.
func createFile(name, text string, mode os.FileMode) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replacing a file: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// setup is what init knows, of flags, variables, answers and the account.
type setup struct {
	email, api, project, region, oncall, out string
	only                                     []string
	all, terraform                           bool

	getenv   func(string) string
	problems io.Writer
	person   *person // nil where no one can be asked

	key       secrets.Value
	slack     string // the webhook, where a person gave it
	databases []watched
}

// watched is a database to watch.
type watched struct {
	upstash.Database
	name, url string
	token     secrets.Value
}

// gather finds the databases, and asks for what is missing.
func (s *setup) gather(ctx context.Context) error {
	if s.email == "" {
		one, err := s.fromVariables(ctx)
		if err != nil {
			return err
		}
		s.databases = one
	}
	if len(s.databases) == 0 && s.email == "" && s.person != nil {
		if s.email = s.person.line("Mail address of your Upstash account, to take the databases from it; empty to enter one database: "); s.email == "" {
			if url := s.person.line("REST URL of the database: "); url != "" {
				token, err := s.person.secret("Standard REST token (not shown): ")
				if err != nil {
					return err
				}
				s.databases = []watched{{name: config.DefaultDatabase, url: url, token: token}}
			}
		}
	}
	switch {
	case s.email != "":
		if err := s.fromAccount(ctx); err != nil {
			return err
		}
	case len(s.databases) == 0:
		return errors.New("no database: set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, or give --account with UPSTASH_API_KEY")
	case len(s.only) > 0 || s.all:
		return errors.New("--database and --all choose databases of an account: give --account")
	}
	return s.rest()
}

// fromVariables returns the database of the app's variables, or none.
func (s *setup) fromVariables(ctx context.Context) ([]watched, error) {
	getenv := func(name string) string {
		if name == config.EnvConfig || name == "MOCK_REDIS" { // what is to be made, and what the app does without Redis
			return ""
		}
		return s.getenv(name)
	}
	c, err := config.Load(ctx, config.Options{Getenv: getenv, Environ: os.Environ, Local: true})
	if errors.Is(err, config.ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, p := range c.Problems {
		fmt.Fprintln(s.problems, p.Error())
	}
	credentials, err := c.Credentials(ctx, nil, config.DefaultDatabase, false)
	if err != nil {
		return nil, err
	}
	return []watched{{name: config.DefaultDatabase, url: credentials.URL, token: credentials.Token}}, nil
}

// fromAccount returns the chosen databases of the account.
func (s *setup) fromAccount(ctx context.Context) error {
	s.key = secrets.New(strings.TrimSpace(s.getenv("UPSTASH_API_KEY")))
	if s.key.IsZero() && s.person != nil {
		var err error
		if s.key, err = s.person.secret("Management API key, from the Upstash console, Account, Management API (not shown): "); err != nil {
			return err
		}
	}
	if s.key.IsZero() {
		return errors.New("no management API key: set UPSTASH_API_KEY to one of the Upstash console, Account, Management API")
	}
	account, err := upstash.NewManagement(s.email, upstash.Options{URL: s.api, Token: s.key, AllowHTTP: true})
	if err != nil {
		return fmt.Errorf("the management API key, UPSTASH_API_KEY: %w", err)
	}
	defer account.CloseIdleConnections()
	all, err := account.Databases(ctx)
	if err != nil {
		return fmt.Errorf("the account of %s, with UPSTASH_API_KEY: %w", s.email, err)
	}
	if s.databases = named(all); len(s.databases) == 0 {
		return fmt.Errorf("the account of %s has no database", s.email)
	}
	if !s.all && len(s.only) == 0 && len(all) > 1 && s.person != nil {
		for _, d := range s.databases {
			fmt.Fprintf(s.person.out, "  %-24s %-10s %s\n", d.name, d.Type, d.Region)
		}
		s.only = strings.FieldsFunc(s.person.line("Databases to watch, by name, separated by commas; empty for all: "), func(r rune) bool { return r == ',' || r == ' ' })
		s.all = len(s.only) == 0
	}
	if err := s.choose(); err != nil {
		return err
	}
	for i := range s.databases {
		d := &s.databases[i]
		if d.token, err = account.Token(ctx, d.ID); err != nil {
			return fmt.Errorf("reading the token of %s: %w", d.name, err)
		}
	}
	return nil
}

// choose keeps the databases that the flags name.
func (s *setup) choose() error {
	var names []string
	for _, d := range s.databases {
		names = append(names, d.name)
	}
	switch {
	case s.all && len(s.only) > 0:
		return errors.New("--all and --database: want one of them")
	case len(s.only) == 0 && !s.all && len(s.databases) > 1:
		return fmt.Errorf("the account has several databases: want --all, or --database with one of %s", strings.Join(names, ", "))
	case len(s.only) == 0:
		return nil
	}
	var chosen []watched
	for _, want := range s.only {
		i := slices.IndexFunc(s.databases, func(d watched) bool { return want == d.name || want == d.Name || want == d.ID })
		if i < 0 {
			return fmt.Errorf("the account has no database %q; want one of %s", want, strings.Join(names, ", "))
		}
		chosen = append(chosen, s.databases[i])
	}
	s.databases = chosen
	return nil
}

// named gives the account's databases names that a configuration may have, and no two the same.
func named(all []upstash.Database) []watched {
	out, taken := []watched{}, map[string]bool{}
	for _, d := range all {
		base := strings.Trim(strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, strings.ToLower(d.Name)), "-")
		base = cmp.Or(base[:min(len(base), 59)], config.DefaultDatabase)
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[name] = true
		out = append(out, watched{Database: d, name: name, url: d.URL()})
	}
	return out
}

// rest asks for receivers and for where pongwatch is to run.
func (s *setup) rest() (err error) {
	if s.person != nil {
		if s.getenv("SLACK_WEBHOOK_URL")+s.getenv("SLACK_BOT_TOKEN")+s.getenv("SMTP_HOST") == "" {
			webhook, err := s.person.secret("Slack incoming webhook, https://hooks.slack.com/services/… (not shown); empty for none: ")
			if err != nil {
				return err
			}
			s.slack = webhook.Reveal()
		}
		if s.project == "" {
			s.project = s.person.line("Id of the Google Cloud project that is to run it; empty for this machine: ")
			s.terraform = s.terraform || s.project != "" && !strings.HasPrefix(strings.ToLower(s.person.line("Write terraform.tfvars rather than YAML? [Y/n] ")), "n")
		}
		if s.terraform && s.region == "" {
			s.region = s.person.line("Google Cloud region, best the app's, such as us-east4: ")
		}
		if s.terraform && s.oncall == "" {
			s.oncall = s.person.line("Mail address that Cloud Monitoring notifies when pongwatch itself fails: ")
		}
	}
	switch { // as terraform/variables.tf, which is asked last
	case !s.terraform:
		return nil
	case s.project == "" || s.region == "" || s.oncall == "":
		return errors.New("--terraform needs --project, --region and --oncall-email")
	case !regexp.MustCompile(`^[a-z][a-z0-9-]{4,28}[a-z0-9]$`).MatchString(s.project):
		return fmt.Errorf("--project %q: want the project's id, not its number or display name, such as my-project", s.project)
	case !regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]+$`).MatchString(s.region):
		return fmt.Errorf("--region %q: want a region of Google Cloud, not a zone, such as us-east4", s.region)
	case !regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`).MatchString(s.oncall):
		return fmt.Errorf("--oncall-email %q: want a mail address, such as oncall@example.com", s.oncall)
	}
	return nil
}

// files returns the names of the configuration and of the secrets beside it.
func (s *setup) files() (document, hidden string) {
	document, hidden = cmp.Or(s.out, "pongwatch.yaml"), "pongwatch-secrets.yaml"
	if s.terraform {
		document = cmp.Or(s.out, "terraform.tfvars")
	}
	if s.project != "" {
		hidden = "pongwatch-secrets.sh"
	}
	return document, filepath.Join(filepath.Dir(document), hidden)
}

// next says what was written and what comes next.
func (s *setup) next() string {
	document, hidden := s.files()
	written := fmt.Sprintf("Wrote %s, which watches %s, and %s with the secrets, which only you may read.\n\n",
		document, text.Count(len(s.databases), "database", "databases"), hidden)
	if len(s.receivers(func(string, string) string { return "" })) == 0 {
		written += "It has no receiver, so alerts are seen on the dashboard alone. Set SLACK_WEBHOOK_URL, or the SMTP variables, and\nrun this again with --force.\n\n"
	}
	switch {
	case s.terraform:
		document, hidden = absolute(document), absolute(hidden)
		return written + fmt.Sprintf("Deploy, in a checkout of pongwatch:\n  terraform/prepare %s %s\n  . %s\n  terraform -chdir=terraform init && terraform -chdir=terraform apply -var-file=%s\n", s.project, s.region, hidden, document)
	case s.project != "":
		return written + fmt.Sprintf("Store the secrets:  sh %s && rm %s\nCheck:              pongwatch config check %s\nRun:                PONGWATCH_CONFIG=%s pongwatch local\n", hidden, hidden, document, document)
	}
	return written + fmt.Sprintf("Check:  pongwatch config check --local %s %s\nRun:    PONGWATCH_CONFIG=%s,%s pongwatch local\n", document, hidden, document, hidden)
}

func absolute(file string) string {
	if whole, err := filepath.Abs(file); err == nil {
		return whole
	}
	return file
}

// person is the one at the terminal.
type person struct {
	in     io.Reader
	out    io.Writer
	hidden func() ([]byte, error) // reads a line that is not shown
}

// line asks a question. The end of the input is an empty answer.
func (p *person) line(question string) string {
	fmt.Fprint(p.out, question)
	var answer []byte
	// Byte by byte: the rest belongs to the next question, which may read the terminal itself.
	for b := make([]byte, 1); len(answer) < 4096; {
		if n, err := p.in.Read(b); n == 0 || err != nil || b[0] == '\n' {
			break
		}
		answer = append(answer, b[0])
	}
	return strings.TrimSpace(string(answer))
}

// secret asks for what is not shown.
func (p *person) secret(question string) (secrets.Value, error) {
	fmt.Fprint(p.out, question)
	answer, err := p.hidden()
	fmt.Fprintln(p.out)
	if err != nil {
		return secrets.Value{}, fmt.Errorf("reading the terminal: %w", err)
	}
	return secrets.New(strings.TrimSpace(string(answer))), nil
}
