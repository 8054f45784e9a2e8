package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/version"
)

func versionCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Prints the version, its commit, and the version of Go that built it. The commit is missing
where the build had no repository, as with "go install" of a release.`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			build := version.Read()
			if asJSON {
				return printJSON(c.OutOrStdout(), build)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "pongwatch", build)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
