package rewrite

// A Rule is what an operator says of one value. The zero Rule says nothing.
type Rule[T comparable] struct {
	Value T
	Force Force
}

// Force is where a rule's value is used.
type Force uint8

// How a value is said.
const (
	Unsaid   Force = iota
	Default        // used where the request says nothing
	Enforced       // used whatever the request says
)

// Said says whether the rule says anything.
func (r Rule[T]) Said() bool { return r.Force != Unsaid }

// with is both of two rules of one scope: what is enforced counts.
func (r Rule[T]) with(other Rule[T]) Rule[T] {
	if other.Force >= r.Force {
		return other
	}
	return r
}

// A Scope is where a rule holds: the empty one everywhere.
type Scope struct {
	Model      string // a name or a pattern; "" = every model
	Connection string // a connection's ID; "" = every connection
}

// A Scoped is a rule and where it holds.
type Scoped[T comparable] struct {
	Scope
	Rule Rule[T]
}
