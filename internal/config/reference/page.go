package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"switchboard/internal/config"
)

const intro = `# Configuration

<!-- Generated from internal/config by ` + "`make generate`" + `. Change the comments there. -->

Without a configuration the server works on this machine only: see the defaults
below. To change something, write a YAML file with just the options that differ
and start ` + "`switchboard serve --config switchboard.yaml`" + `. Later ones win:

1. the defaults;
2. the file; a key it does not know is a mistake, as is a wrong value;
3. environment variables: ` + "`%[1]s`" + ` and the option in capitals with ` + "`_`" + ` for
   each dot, so ` + "`%[2]s`" + ` sets ` + "`media.address`" + `. Lists are written
   with commas;
4. flags: ` + "`--set media.address=0.0.0.0:7881`" + `.

` + "`switchboard check-config`" + ` tells all mistakes at once, each with its line and
what to write instead, and starts nothing. Nothing is read again while the server
runs, but certificate files.

A secret may be written ` + "`${file:/run/secrets/name}`" + ` to be read from that file.
Secrets appear in no log and no answer. Sizes are written ` + "`65536`, `64KiB` or `1MB`" + `,
durations ` + "`500ms`, `30s`, `5m` or `12h`" + `.

A server for others, behind no proxy:

` + "```yaml" + `
listen: ["0.0.0.0:443"]
tls:
  mode: acme
  acme: {domains: [talk.example.org]}
media:
  address: 0.0.0.0:7881
data: /var/lib/switchboard
demo: false
allow_open_guests: true   # or tokens, see below
` + "```" + `
`

// comments holds what the source says: by type, and by type and field.
type comments map[string]string

// read collects the comments of the structures in source, and is an error for a
// field without one.
func (found comments) read(source []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), "config", source, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.TYPE {
			continue
		}
		for _, spec := range group.Specs {
			named := spec.(*ast.TypeSpec)
			structure, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					text := oneLine(field.Doc.Text())
					if text == "" {
						return fmt.Errorf("%s.%s has no comment", named.Name.Name, name.Name)
					}
					found[named.Name.Name+"."+name.Name] = text
				}
			}
		}
	}
	return nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// page is the reference page as it is written.
type page struct {
	bytes.Buffer
	comments comments
}

// render makes the page from sources of package config.
func render(sources ...[]byte) ([]byte, error) {
	p := &page{comments: comments{}}
	for _, source := range sources {
		if err := p.comments.read(source); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(p, intro, config.EnvPrefix, config.EnvName("media.address"))
	p.section(reflect.ValueOf(*config.Default()), "", "## The whole server", "")
	return p.Bytes(), nil
}

// section writes one table, then the sections and lists below it.
func (p *page) section(v reflect.Value, prefix, heading, text string) {
	fmt.Fprintf(p, "\n%s\n", heading)
	if text != "" {
		fmt.Fprintf(p, "\n%s\n", text)
	}
	p.table(v, prefix)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		path := prefix + field.Tag.Get("yaml")
		said := p.comments[v.Type().Name()+"."+field.Name]
		switch {
		case isSection(field.Type):
			level := strings.Repeat("#", 2+min(strings.Count(path, "."), 2))
			p.section(v.Field(i), path+".", level+" "+path, said)
		case field.Type.Kind() == reflect.Slice && isSection(field.Type.Elem()):
			p.section(reflect.Zero(field.Type.Elem()), path+"[].", "### An entry of "+path, "")
		}
	}
}

func (p *page) table(v reflect.Value, prefix string) {
	head := "\n| option | default | what it is |\n|---|---|---|\n"
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if isSection(field.Type) {
			continue
		}
		said := strings.ReplaceAll(p.comments[v.Type().Name()+"."+field.Name], "|", `\|`)
		fmt.Fprintf(p, "%s| `%s%s` | %s | %s |\n", head, prefix, field.Tag.Get("yaml"), shown(v.Field(i)), said)
		head = ""
	}
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[config.Secret]()
}

// shown writes a default as one would write it in the file; nothing for an empty one.
func shown(v reflect.Value) string {
	text := ""
	switch value := v.Interface().(type) {
	case config.Secret:
		text = value.Reveal() // a default is no secret
	case []config.Listen:
		var addresses []string
		for _, l := range value {
			addresses = append(addresses, l.Address)
		}
		text = "[" + strings.Join(addresses, ", ") + "]"
	case *bool:
	default:
		text = fmt.Sprint(value)
		if v.Kind() == reflect.Slice {
			text = strings.ReplaceAll(text, " ", ", ")
		}
		if d, ok := v.Interface().(interface{ Hours() float64 }); ok && d.Hours() >= 1 {
			text = strings.TrimSuffix(strings.TrimSuffix(text, "0s"), "0m")
		}
	}
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
