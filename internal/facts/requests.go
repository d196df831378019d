package facts

// PodLevel reports whether the pod has memory resources of its own, which replace those of its containers.
func (p *Pod) PodLevel() bool {
	return p.Limit > 0 || p.AdjShare > 0 || p.Request < p.ContainerRequests()
}

// ContainerRequests is the effective request of the containers together, in bytes, as the scheduler has it: what runs
// at the same time, or what an init container takes on top of the sidecars that started before it.
func (p *Pod) ContainerRequests() int64 { return max(p.RequestedTogether(), p.InitPeak()) }

// EvictionRequest is the request, in bytes, that the node's kubelet holds the pod's usage against: the pod's effective one,
// in which kubelets before SidecarRequests count a sidecar as any init container.
func (n *Node) EvictionRequest(p *Pod) int64 {
	if n.Follows(SidecarRequests) || p.PodLevel() {
		return p.Request
	}
	regular, largest := int64(0), int64(0)
	for i := range p.Containers {
		switch k := &p.Containers[i]; k.Kind {
		case Regular:
			regular += k.Request
		case Init, Sidecar:
			largest = max(largest, k.Request)
		case Ephemeral: // has no request
		}
	}
	overhead := p.Request - p.ContainerRequests() // what both count besides
	return max(regular, largest) + overhead
}

// RequestedTogether is the sum, in bytes, of the requests of the containers and sidecars, which run at the same time.
func (p *Pod) RequestedTogether() (sum int64) {
	for i := range p.Containers {
		if p.Containers[i].Lasting() {
			sum += p.Containers[i].Request
		}
	}
	return sum
}

// InitPeak is the largest request, in bytes, of an init container and of the sidecars that started before it.
func (p *Pod) InitPeak() (peak int64) {
	sidecars := int64(0)
	for i := range p.Containers {
		switch k := &p.Containers[i]; k.Kind {
		case Sidecar:
			sidecars += k.Request
		case Init:
			peak = max(peak, sidecars+k.Request)
		case Regular, Ephemeral: // start after all init containers
		}
	}
	return peak
}

// LimitInAll is the sum of the memory limits of what runs at the same time, or the pod's own, in bytes; MaxBytes where a
// container has none.
func (p *Pod) LimitInAll() (sum int64) {
	if p.Limit > 0 {
		return p.Limit
	}
	for i := range p.Containers {
		k := &p.Containers[i]
		if !k.Lasting() {
			continue
		}
		if k.Limit == 0 {
			return MaxBytes
		}
		sum += k.Limit
	}
	return min(sum, MaxBytes)
}

// Lasting reports whether the container runs as long as the pod does: a regular container or a sidecar.
func (c *Container) Lasting() bool { return c.Kind == Regular || c.Kind == Sidecar }

// CountLasting counts the containers that run as long as the pod does.
func (p *Pod) CountLasting() (count int) {
	for i := range p.Containers {
		if p.Containers[i].Lasting() {
			count++
		}
	}
	return count
}
