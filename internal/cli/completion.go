package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/store"
)

// noFiles ends a completion: no name of a file would be right.
const noFiles = cobra.ShellCompDirectiveNoFileComp

// completeExperiments completes the names of experiments that are not on the command line yet.
func completeExperiments(_ *cobra.Command, args []string, _ string) (all []string, _ cobra.ShellCompDirective) {
	for _, x := range catalogue.All(catalogue.Options{}) {
		if !slices.Contains(args, x.Name) {
			all = append(all, x.Name+"\t"+x.Question)
		}
	}
	return all, noFiles
}

// completeArms completes the arms of the experiments on the command line, or of all, part by part: a name
// has several, and a pattern may end after any.
func completeArms(_ *cobra.Command, args []string, start string) (all []string, _ cobra.ShellCompDirective) {
	experiments, err := catalogue.Named(args, catalogue.Options{})
	if err != nil {
		return nil, noFiles
	}
	for _, x := range experiments {
		for _, arm := range x.Arms {
			rest, has := strings.CutPrefix(arm.Name, start)
			if !has {
				continue
			}
			name := arm.Name
			if at := strings.IndexByte(rest, '/'); at >= 0 {
				name = start + rest[:at+1]
			}
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if slices.ContainsFunc(all, func(name string) bool { return strings.HasSuffix(name, "/") }) {
		return all, noFiles | cobra.ShellCompDirectiveNoSpace
	}
	return all, noFiles
}

// completeRuns completes the directories of stored runs, the latest first.
func completeRuns(_ *cobra.Command, args []string, start string) (all []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, noFiles
	}
	found, _ := filepath.Glob(filepath.Join("runs", "*", "run.json")) // the pattern is good
	for _, path := range found {
		if dir := filepath.Dir(path); filepath.Base(dir) != archive.Latest && strings.HasPrefix(dir, start) {
			all = append(all, dir)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	if len(all) == 0 || strings.ContainsRune(start, os.PathSeparator) && !strings.HasPrefix(start, "runs") {
		return nil, cobra.ShellCompDirectiveDefault // a directory elsewhere
	}
	return all, noFiles
}

// listOf completes a flag that takes words with commas between them.
func listOf(known ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, start string) (all []string, _ cobra.ShellCompDirective) {
		before := start[:strings.LastIndexByte(start, ',')+1]
		given := strings.Split(before, ",")
		for _, word := range known {
			if !slices.Contains(given, word) {
				all = append(all, before+word)
			}
		}
		return all, noFiles
	}
}

// completions are the words that flags take, by the flag's name; every verb with such a flag completes them.
func completions() map[string]cobra.CompletionFunc {
	all := map[string]cobra.CompletionFunc{
		"arm":    completeArms,
		"preset": listOf("red", "green"),
		"color":  listOf("auto", "always", "never"),
		"lang":   listOf("en", "ja"),
	}
	for _, s := range store.Settings {
		if len(s.Values) > 0 {
			all[s.Flag] = listOf(s.Values...)
		}
	}
	return all
}

// completeFlags gives the flags of cmd and of the verbs below it the completions of their names, where they have
// none of their own.
func completeFlags(cmd *cobra.Command) {
	for name, complete := range completions() {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // which fails where there is one already
		}
	}
	for _, sub := range cmd.Commands() {
		completeFlags(sub)
	}
}
