package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

// Load composes the file, the environment and the flags: a flag wins over the
// environment, and that over the file. Of routes, aliases and connections, what flags and
// environment say adds up, and replaces what the file says of the same name. The
// error has a line for everything that is wrong.
func Load(g *Given, getenv func(string) string) (Config, error) {
	var file source
	path := cmp.Or(g.File, getenv(FileEnv))
	if path != "" {
		var err error
		if file, err = readFile(path, getenv); err != nil {
			return Config{}, fmt.Errorf("--%s (%s): %w", FileFlag, FileEnv, err)
		}
	}
	env := environment(getenv)
	c := &composer{
		Config:     defaults(),
		problems:   slices.Concat(file.problems, env.problems, g.said.problems),
		places:     map[string]string{},
		modelsSaid: file.modelsSaid,
		broken:     map[string]bool{},
		valueAt:    map[string]string{},
		valueWrong: map[string]bool{},
		routeAt:    map[[2]int]string{},
	}
	c.origins(getenv(originsEnv))
	for _, s := range []source{file, env, g.said} {
		c.values(s.values)
	}
	c.File = path
	c.addresses()
	c.pair()
	c.keyring(g.said.keys, env.keys, slices.Concat(file.keys, c.keysFile(getenv)))
	c.connect(file.connections, slices.Concat(g.said.connections, env.connections))
	c.route(file.routes, slices.Concat(g.said.routes, env.routes))
	c.policies(file.policies)
	c.alias(file.aliases, slices.Concat(g.said.aliases, env.aliases))
	if len(c.Connections) == 0 && len(c.problems) == 0 {
		return c.Config, ErrNothing
	}
	if len(c.Models) == 0 && len(c.problems) == 0 {
		c.problems.add("models", "there are none: name some, or leave models out to serve all that every connection has")
	}
	c.table()
	c.rules(g.said.rules, env.rules, file.rules)
	c.preload(slices.Concat(g.said.preload, env.preload, file.preload))
	return c.Config, errors.Join(c.problems...)
}

// ErrNothing is what is wrong where nothing else is, and no server was named. Everything else that was said is in the Config.
var ErrNothing = errors.New("nothing to serve: name a server with --connection ID=URL, " +
	"or a model with --proxy MODEL=URL (gollamas demo shows how without any)")

// A composer puts a Config together and notes what contradicts.
type composer struct {
	Config
	problems   problems
	places     map[string]string // of an alias
	modelsSaid bool              // the file has models, be they wrong
	broken     map[string]bool   // connections that are named but could not be made
	valueAt    map[string]string // where a plain setting was said
	valueWrong map[string]bool   // plain settings that were said wrong somewhere
	routeAt    map[[2]int]string // where a model's route to a connection was said
	commanded  []said[way]       // the command's routes
	whole      bool              // nothing was wrong with the routes and what comes before the rules
}

// originsEnv is Ollama's own variable: which web pages may ask.
const originsEnv = "OLLAMA_ORIGINS"

// origins takes what Ollama would take; it refuses to start with anything else.
func (c *composer) origins(list string) {
	c.Origins = list
	for origin := range strings.SplitSeq(list, ",") {
		if origin = strings.TrimSpace(origin); origin == "" {
			continue
		}
		if strings.Count(origin, "*") > 1 {
			c.problems.add(originsEnv, "%q has more than one *", origin)
		} else if !strings.Contains(origin, "*") && !strings.Contains(origin, "://") {
			c.problems.add(originsEnv, "%q needs a scheme in front, such as https://, or a * in it", origin)
		}
	}
}

func (c *composer) values(all []said[string]) {
	every := slices.Concat(Settings, nested)
	for _, v := range all {
		i := slices.IndexFunc(every, func(s Setting) bool { return s.Key == v.key })
		if err := every[i].set(&c.Config, v.value); err != nil {
			c.problems.add(v.place, "%v", err)
			c.valueWrong[v.key] = true
		}
		c.valueAt[v.key] = v.place
	}
}

// addresses sees to it that listen and admin are two. Nobody asked for admin's default, so
// listen may have it: people serve on that port where an Ollama has the usual one.
func (c *composer) addresses() {
	switch {
	case c.valueWrong["listen"] || c.valueWrong["admin"] || !sameAddress(c.Listen, c.Admin):
		return
	case !c.AdminAsked:
		c.Admin = ""
	default:
		where := "there"
		if c.Listen != c.Admin {
			where = "on " + strconv.Quote(c.Listen)
		}
		c.problems.add(c.valueAt["admin"], "%q is taken, for requests are served %s (%s): choose another port, or off",
			c.Admin, where, cmp.Or(c.valueAt["listen"], "the default"))
	}
}

// pair sees to it that a certificate has its key.
func (c *composer) pair() {
	if t := c.ServerTLS; (t.Cert == "") != (t.Key == "") {
		c.problems.add(cmp.Or(c.valueAt["tls.cert"], c.valueAt["tls.key"]), "tls.cert and tls.key belong together, and one of them is missing")
	}
}

// connect adds the file's connections and then those of the command, which
// replace the file's of the same ID but may not contradict each other.
func (c *composer) connect(file, command []said[connection]) {
	for _, said := range file {
		if !slices.ContainsFunc(command, sameKey(said)) {
			c.addConnection(said)
		}
	}
	for _, said := range command {
		c.addConnection(said)
	}
}

func sameKey[T any](a said[T]) func(said[T]) bool {
	return func(b said[T]) bool { return a.key == b.key }
}

func (c *composer) addConnection(s said[connection]) {
	conn, err := parseURL(s.value.url)
	if err != nil {
		c.problems.add(s.place, "%v", err)
		c.broken[s.key] = true
		return
	}
	for name, value := range s.value.header {
		conn.Header.Set(name, value)
	}
	if i := c.named(s.key); i >= 0 {
		if had := c.Connections[i]; !sameServer(had, conn) {
			c.problems.add(s.place, "connection %q is %s already (%s)", s.key, had.spelled(), had.Place)
		}
		return
	}
	conn.ID, conn.TLS, conn.Parallel, conn.Place = s.key, s.value.tls, s.value.parallel, s.place
	c.Connections = append(c.Connections, conn)
}

func (c *composer) named(id string) int {
	return slices.IndexFunc(c.Connections, func(have Connection) bool { return id != "" && have.ID == id })
}

// route adds the file's routes, but those of models that the command routes, and the command's.
func (c *composer) route(file, command []said[way]) {
	c.commanded = command
	for _, s := range file {
		if !slices.ContainsFunc(command, func(o said[way]) bool { return sameModel(s.key, o.key) }) {
			c.addRoute(s)
		}
	}
	for _, s := range command {
		c.addRoute(s)
	}
	if !c.modelsSaid && len(file)+len(command) == 0 && len(c.Connections) > 0 {
		all := Model{Name: "*"}
		for i := range c.Connections {
			all.Routes = append(all.Routes, Route{Connection: i, Weight: 1})
		}
		c.Models = []Model{all}
	}
}

func (c *composer) addRoute(s said[way]) {
	if err := checkModel(s.key); err != nil {
		c.problems.add(s.place, "%v", err)
		return
	}
	at, ok := c.find(s.place, s.value.to)
	if !ok {
		return
	}
	i := c.model(s.key)
	if i < 0 {
		c.Models = append(c.Models, Model{Name: s.key})
		i = len(c.Models) - 1
	}
	c.lead(i, Route{Connection: at, Weight: s.value.weight, Tier: s.value.tier, Preload: s.value.preload}, s.place)
}

func checkModel(name string) error {
	if ollama.IsPattern(name) {
		_, err := ollama.ParsePattern(name)
		return err
	}
	_, err := route.CheckName(name)
	if err != nil && strings.Contains(name, "://") { // a URL with a = in it: it may be a password's
		return errors.New("a URL stands where a model's name should: write MODEL=URL")
	}
	return err
}

// model finds the model of a name, -1 where there is none.
func (c *composer) model(name string) int {
	return slices.IndexFunc(c.Models, func(m Model) bool { return sameModel(m.Name, name) })
}

// lead adds a route to a model. The same one again says nothing new.
func (c *composer) lead(model int, r Route, place string) {
	m, key := &c.Models[model], [2]int{model, r.Connection}
	i := slices.IndexFunc(m.Routes, func(have Route) bool { return have.Connection == r.Connection })
	if i < 0 {
		m.Routes = append(m.Routes, r)
		c.routeAt[key] = place
	} else if had := m.Routes[i]; had.Weight == r.Weight && had.Tier == r.Tier {
		m.Routes[i].Preload = had.Preload || r.Preload
	} else {
		c.problems.add(place, "connection %q has weight %d and tier %d here, and weight %d and tier %d before (%s): name it once",
			c.Connections[r.Connection].name(), r.Weight, r.Tier, had.Weight, had.Tier, c.routeAt[key])
	}
}

// policies gives models a balance of their own. They keep it where the command routes them.
func (c *composer) policies(file []said[string]) {
	places := map[int]string{}
	for _, s := range file {
		var policy string
		if err := setPolicy(&policy, s.value); err != nil {
			c.problems.add(s.place, "%v", err)
			continue
		}
		i := c.model(s.key)
		if i < 0 {
			continue // it has no routes, which is told already
		}
		m := &c.Models[i]
		if m.Balance != "" && m.Balance != policy {
			c.problems.add(s.place, "the same model has balance %q before (%s): say it once", m.Balance, places[i])
			continue
		}
		m.Balance, places[i] = policy, s.place
	}
}

// find finds the connection a route names, by ID or by URL; a URL nobody has named is one of its own.
func (c *composer) find(place, to string) (int, bool) {
	if i := c.named(to); i >= 0 {
		return i, true
	}
	if c.broken[to] {
		return 0, false // told already
	}
	if !strings.Contains(to, "://") {
		hint := cmp.Or(Near(to, c.ids()), "; a URL needs "+schemes(to)+" in front")
		c.problems.add(place, "no connection named %q%s", redact(to), hint)
		return 0, false
	}
	conn, err := parseURL(to)
	if err != nil {
		c.problems.add(place, "%v", err)
		return 0, false
	}
	if i := slices.IndexFunc(c.Connections, func(have Connection) bool { return sameServer(have, conn) }); i >= 0 {
		return i, true
	}
	conn.Place = place
	c.Connections = append(c.Connections, conn)
	return len(c.Connections) - 1, true
}

func (c *composer) ids() []string {
	var out []string
	for _, have := range c.Connections {
		if have.ID != "" {
			out = append(out, have.ID)
		}
	}
	return out
}

func (c *composer) alias(file, command []said[string]) {
	for _, s := range file {
		if !slices.ContainsFunc(command, func(o said[string]) bool { return sameModel(s.key, o.key) }) {
			c.addAlias(s)
		}
	}
	for _, s := range command {
		c.addAlias(s)
	}
}

func (c *composer) addAlias(s said[string]) {
	c.Aliases = append(c.Aliases, route.Alias{Name: s.key, Model: s.value})
	if c.places[s.key] = cmp.Or(c.places[s.key], s.place); c.places[s.key] != s.place {
		c.places[s.key] += ", " + s.place
	}
}

// table builds the routes without servers, to see whether they hold together.
func (c *composer) table() {
	if len(c.problems) > 0 {
		return // an alias may only seem to lead nowhere
	}
	models := make([]route.Model, len(c.Models))
	for i, m := range c.Models {
		models[i].Name = m.Name
	}
	_, err := route.New(models, c.Aliases)
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return
	case !ok:
		c.problems.add("models", "%v", err)
		return
	}
	for _, err := range joined.Unwrap() {
		place := "aliases"
		var wrong *route.AliasError
		if errors.As(err, &wrong) {
			place = c.places[wrong.Alias]
		}
		c.problems.add(place, "%v", err)
	}
}

// sameModel says whether two names are of one model, or one pattern.
func sameModel(a, b string) bool {
	if ollama.IsPattern(a) || ollama.IsPattern(b) {
		return ollama.SamePattern(a, b)
	}
	an, err := ollama.ParseName(a)
	bn, err2 := ollama.ParseName(b)
	return err == nil && err2 == nil && an.Key() == bn.Key()
}
