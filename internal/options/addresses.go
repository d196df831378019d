package options

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// AddressTypes are types of Node addresses, the preferred ones first. It is a flag.Value.
type AddressTypes []corev1.NodeAddressType

var knownAddressTypes = AddressTypes{
	corev1.NodeHostName, corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeInternalDNS, corev1.NodeExternalDNS,
}

func (t *AddressTypes) String() string {
	if t == nil {
		return ""
	}
	names := make([]string, len(*t))
	for i, a := range *t {
		names[i] = string(a)
	}
	return strings.Join(names, ",")
}

// Set takes a comma-separated list.
func (t *AddressTypes) Set(list string) error {
	var types AddressTypes
	for name := range strings.SplitSeq(list, ",") {
		a := corev1.NodeAddressType(strings.TrimSpace(name))
		if !slices.Contains(knownAddressTypes, a) {
			return fmt.Errorf("%q is none of %s", name, knownAddressTypes.String())
		}
		types = append(types, a)
	}
	*t = types
	return nil
}

// Of returns the address of a Node to dial, "" if it has none of these types.
func (t AddressTypes) Of(addresses []corev1.NodeAddress) string {
	for _, kind := range t {
		for _, a := range addresses {
			if a.Type == kind && a.Address != "" {
				return a.Address
			}
		}
	}
	return ""
}
