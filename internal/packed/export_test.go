package packed

// SharesWith reports whether two pods share the facts that are not their own.
func (p Pod) SharesWith(q Pod) bool { return p.like == q.like }

// Size is what is kept, in bytes.
func (p Status) Size() int { return len(p.deflated) }
