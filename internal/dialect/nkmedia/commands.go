package nkmedia

// The classes of commands.
const (
	coreClass   = "core"
	mediaClass  = "media"
	collabClass = "collab" // where calls and rooms moved later (dossier 0)
)

// command is how one kind of request is executed.
type command struct {
	fields []field
	open   bool // also before the login
	run    func(*conversation, *request, values)
}

// commands lists every command by class, subclass and cmd.
func commands() map[string]command {
	all := map[string]command{
		"core/core/ping": {open: true, run: func(c *conversation, q *request, _ values) { c.reply(q, nil) }},
	}
	for _, more := range []map[string]command{loginCommands(), eventCommands(), peopleCommands(), sessionCommands(), changeCommands(),
		callCommands(), roomCommands()} {
		for key, c := range more {
			all[key] = c
		}
	}
	return all
}

// take executes a request of the client.
func (c *conversation) take(q *request) {
	if c.login != nil && !(q.class == coreClass && q.cmd == "ping") {
		c.queue(q)
		return
	}
	c.perform(q)
}

// perform executes a request, whoever it came from.
func (c *conversation) perform(q *request) {
	cmd, f := c.commandOf(q)
	if f != nil {
		c.fail(q, f)
		return
	}
	v, f := check(cmd.fields, q.data)
	if f != nil {
		c.fail(q, f)
		return
	}
	if q.origin == nil {
		q.ignored, _ = v[ignored].([]string)
	}
	cmd.run(c, q, v)
}

func (c *conversation) commandOf(q *request) (command, *fault) {
	class, sub := q.class, q.sub
	if class == collabClass && (sub == "call" || sub == "room") {
		class = mediaClass
	}
	if class == mediaClass && sub == "conf" {
		sub = "room"
	}
	cmd, known := c.o.commands[class+"/"+sub+"/"+q.cmd]
	switch {
	case c.user == "" && !cmd.open:
		return cmd, faultOf("not_authenticated")
	case known:
		return cmd, nil
	case class != coreClass && class != mediaClass && class != collabClass:
		return cmd, faultOf("not_implemented")
	}
	return cmd, faultOf("unknown_command", shorten(q.cmd))
}

// shorten keeps what a client sent from coming back at full length.
func shorten(s string) string {
	if len(s) <= 64 {
		return s
	}
	return s[:64] + "…"
}

// fieldsOf makes fields of one form.
func fieldsOf(form form, names ...string) []field {
	fields := make([]field, 0, len(names))
	for _, name := range names {
		fields = append(fields, field{name: name, form: form})
	}
	return fields
}

// must marks fields as mandatory.
func must(fields ...field) []field {
	for i := range fields {
		fields[i].must = true
	}
	return fields
}

func textField(name string) field { return field{name: name} }
func wordField(name string, words ...string) field {
	return field{name: name, form: wordForm, words: words}
}
func objectField(name string) field { return field{name: name, form: objectForm} }
func intField(name string, least, most int) field {
	return field{name: name, form: intForm, least: least, most: most}
}

// join puts fields together.
func join(all ...[]field) (fields []field) {
	for _, some := range all {
		fields = append(fields, some...)
	}
	return fields
}
