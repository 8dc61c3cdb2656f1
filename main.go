// Command switchboard is a server for people who talk to each other in real
// time. It reads flags and the configuration and hands over to app, which it
// tells when to stop; it must not know any part of the server.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"switchboard/internal/app"
	"switchboard/internal/config"
	"switchboard/internal/observe"
)

// version is set by the linker.
var version = ""

const description = "A server for people who talk to each other: voice, video and messages, in the protocols that their clients speak already."

// commands is the command line.
type commands struct {
	Serve       serveCommand     `cmd:"" help:"Run the server until it is told to stop (SIGTERM, Ctrl-C)."`
	CheckConfig checkCommand     `cmd:"" name:"check-config" help:"Say what is wrong with the configuration, and exit with status 1 if anything is."`
	User        userCommands     `cmd:"" help:"Make users, change their passwords, and say what they may do."`
	Omikron     omikronCommands  `cmd:"" help:"Make users of home servers (Iotas)."`
	Realm       realmCommands    `cmd:"" help:"Make, list and remove realms."`
	Audit       auditCommand     `cmd:"" help:"Show who logged in, and what administrators changed."`
	Openvocs    takeoverCommands `cmd:"" help:"Take over from an openvocs server, and give back."`
	Version     versionCommand   `cmd:"" help:"Print the version."`
}

// settings choose the configuration, for every command that needs it.
type settings struct {
	Config string            `short:"c" env:"SWITCHBOARD_CONFIG" placeholder:"FILE" help:"YAML file with the configuration. Without one, the server is for this machine only."`
	Listen []string          `short:"l" placeholder:"HOST:PORT" help:"Serve these addresses instead of those in the file."`
	Data   string            `short:"d" placeholder:"DIR" help:"Keep everything in this directory instead of the one in the file."`
	Set    map[string]string `short:"s" placeholder:"OPTION=VALUE" mapsep:"none" help:"Set any option, such as --set media.address=0.0.0.0:7881. Wins over the file and over SWITCHBOARD_… variables. May be repeated."`
}

func (s *settings) load() (*config.Config, error) {
	set := map[string]string{}
	for option, value := range s.Set {
		set[option] = value
	}
	if len(s.Listen) > 0 {
		set["listen"] = fmt.Sprint("[", quoted(s.Listen), "]")
	}
	if s.Data != "" {
		set["data"] = s.Data
	}
	return config.Load(s.Config, os.Environ(), set)
}

// quoted writes addresses as the elements of a YAML list.
func quoted(all []string) string {
	text := ""
	for i, one := range all {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", one)
	}
	return text
}

type serveCommand struct{ settings }

// Run serves until a signal, or until a part of the server fails.
func (c *serveCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log, err := observe.NewLogger(os.Stderr, observe.LogOptions{Level: cfg.Log.Level, Format: cfg.Log.Format})
	if err != nil {
		return err
	}
	ctx, hurry, stop := signals()
	defer stop()
	return app.Run(ctx, app.Options{Config: cfg, Log: log, Out: out, Version: release(), Hurry: hurry})
}

// signals gives a context that ends at the first signal to stop and a channel
// that is closed at the second. A third ends the process as if nobody listened.
func signals() (ctx context.Context, hurry <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	got, second, over := make(chan os.Signal, 2), make(chan struct{}), make(chan struct{})
	signal.Notify(got, syscall.SIGTERM, os.Interrupt)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for count := 1; count <= 2; count++ {
			select {
			case <-got:
			case <-over:
				return
			}
			if count == 1 {
				cancel()
			} else {
				close(second)
				signal.Stop(got)
			}
		}
	}()
	return ctx, second, func() {
		signal.Stop(got)
		close(over)
		<-ended
		cancel()
	}
}

type checkCommand struct{ settings }

// Run checks the configuration as serve would.
func (c *checkCommand) Run(out io.Writer) error {
	if _, err := c.load(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "The configuration is right.")
	return err
}

type omikronCommands struct {
	User struct {
		Add    residentAddCommand    `cmd:"" help:"Make a user. The hash of the private key and the reset token are read from standard input, a line each."`
		Import residentImportCommand `cmd:"" help:"Make users, of which a file has one in each line as a JSON object: user_id, username, iota_id, public_key, key_hash (of the private key), reset_token, display."`
	} `cmd:"" help:"Make users of Iotas."`
	Iota struct {
		Secret iotaSecretCommand `cmd:"" help:"Give an Iota a secret that it has to show, or to answer challenges with, from now on. It is made and printed, or read from standard input with --read."`
	} `cmd:"" help:"Secrets of Iotas."`
}

type iotaSecretCommand struct {
	settings
	ID     string `arg:"" help:"Id of the Iota, a UUID."`
	Read   bool   `xor:"how" help:"Read the secret from standard input, one line, instead of making one."`
	Remove bool   `xor:"how" help:"Take the secret away: the id alone is enough again, where legacy_iotas allows that."`
}

// Run keeps the secret. A server that runs knows it at once; an Iota that is
// connected stays.
func (c *iotaSecretCommand) Run(out io.Writer) error { return c.set(os.Stdin, out) }

func (c *iotaSecretCommand) set(in io.Reader, out io.Writer) error {
	secret, said := "", "The Iota has no secret any more."
	switch {
	case c.Read:
		if _, err := fmt.Fscan(in, &secret); err != nil {
			return fmt.Errorf("read the secret: %w", err)
		}
		said = "The Iota has this secret now."
	case !c.Remove:
		secret = rand.Text()
		said = secret
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := app.SetIotaSecret(context.Background(), cfg, c.ID, secret); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, said)
	return err
}

type residentAddCommand struct {
	settings
	Name      string `arg:"" help:"Name by which others find the user."`
	ID        string `required:"" placeholder:"UUID" help:"Id of the user."`
	Iota      string `required:"" placeholder:"UUID" help:"Id of the Iota that serves the user."`
	PublicKey string `placeholder:"BASE64" help:"Public key, which others are given."`
	Display   string `placeholder:"TEXT" help:"Name to show to others."`
}

// Run makes the user. A server that runs knows them at once.
func (c *residentAddCommand) Run(out io.Writer) error { return c.add(os.Stdin, out) }

func (c *residentAddCommand) add(in io.Reader, out io.Writer) error {
	var hash, token string
	if _, err := fmt.Fscan(in, &hash, &token); err != nil {
		return fmt.Errorf("read the hash of the private key and the reset token: %w", err)
	}
	return addResidents(&c.settings, out, []app.Resident{{User: c.ID, Name: c.Name, Iota: c.Iota, PublicKey: c.PublicKey, KeyHash: hash,
		ResetToken: token, Display: c.Display}})
}

type residentImportCommand struct {
	settings
	File string `arg:"" type:"existingfile" help:"The file."`
}

// Run makes the users. It stops at the first that cannot be made.
func (c *residentImportCommand) Run(out io.Writer) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	var all []app.Resident
	for d := json.NewDecoder(f); d.More(); {
		var r app.Resident
		if err := d.Decode(&r); err != nil {
			return fmt.Errorf("read user %d of %s: %w", len(all)+1, c.File, err)
		}
		all = append(all, r)
	}
	return addResidents(&c.settings, out, all)
}

func addResidents(s *settings, out io.Writer, all []app.Resident) error {
	cfg, err := s.load()
	if err != nil {
		return err
	}
	made, err := app.AddResidents(context.Background(), cfg, all)
	if err != nil {
		return fmt.Errorf("made %d of %d users; the next one, %q: %w", made, len(all), all[made].Name, err)
	}
	_, err = fmt.Fprintf(out, "Made %d of %d users.\n", made, len(all))
	return err
}

type takeoverCommands struct {
	Import openvocsImportCommand `cmd:"" help:"Take over an openvocs database directory: domains, projects, users with their passwords, roles, loops, layouts and what users left. All or nothing."`
	Export openvocsExportCommand `cmd:"" help:"Write everything as an openvocs database directory."`
}

type openvocsImportCommand struct {
	settings
	Dir string `arg:"" type:"existingdir" help:"The directory, with auth and state.json in it."`
}

// Run takes over the directory and says what could not be.
func (c *openvocsImportCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	r, err := app.ImportOpenvocs(context.Background(), cfg, c.Dir)
	if err != nil {
		return fmt.Errorf("nothing was imported: %w", err)
	}
	return tell(out, "Imported "+r.Counts(), section{"Without a password here", r.NoPassword},
		section{"Named but not there, kept to be given back", r.Unresolved})
}

type openvocsExportCommand struct {
	settings
	Dir   string   `arg:"" help:"Directory to make."`
	Realm []string `placeholder:"REALM" help:"Only this realm. May be repeated."`
}

// Run writes the directory and says whose passwords are not in it.
func (c *openvocsExportCommand) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	r, err := app.ExportOpenvocs(context.Background(), cfg, c.Dir, c.Realm)
	if err != nil {
		return fmt.Errorf("nothing was exported: %w", err)
	}
	return tell(out, "Exported "+r.Counts(), section{"Need a new password there, since theirs was set or used here", r.NoPassword})
}

// section is a list under a heading.
type section struct {
	head  string
	lines []string
}

// tell says what was done and then what remains to be seen to, one thing a line.
func tell(out io.Writer, done string, todo ...section) error {
	text := done + ".\n"
	for _, s := range todo {
		if len(s.lines) > 0 {
			text += s.head + ":\n  " + strings.Join(s.lines, "\n  ") + "\n"
		}
	}
	_, err := io.WriteString(out, text)
	return err
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(out io.Writer) error {
	_, err := fmt.Fprintf(out, "switchboard %s (%s, %s/%s)\n", release(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// release is the version of the linker or, built without, of the source.
func release() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

func main() {
	var line commands
	parser := kong.Must(&line, kong.Name("switchboard"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	if err := command.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "switchboard: %v\n", err)
		os.Exit(1)
	}
}
