package manifest

import (
	corev1 "k8s.io/api/core/v1"
)

// admit adds to a workload's pod what an API server would add, as far as it decides who dies: the priority
// (plugin/pkg/admission/priority, Kubernetes v1.37.2), the defaults of LimitRanges (plugin/pkg/admission/limitranger), and
// requests equal to limits where only limits are set (pkg/apis/core/v1/defaults.go, SetDefaults_Pod).
func (c *collector) admit(w *Workload) {
	spec := &w.Pod.Spec
	if w.PriorityGiven = spec.Priority != nil; !w.PriorityGiven {
		value, known := c.priority(spec.PriorityClassName)
		spec.Priority = &value
		if !known {
			w.PriorityUnknown = spec.PriorityClassName
		}
	}
	w.Default(c.limitRanges[w.Namespace])
}

// Default sets what the pod does not say of requests and limits, as an API server does in a namespace with these LimitRanges.
func (w *Workload) Default(ranges []corev1.LimitRangeItem) {
	spec := &w.Pod.Spec
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			r := &list[i].Resources
			requestLimits(r)
			for k := range ranges {
				if l := &ranges[k]; l.Type == corev1.LimitTypeContainer {
					r.Limits = fill(fill(r.Limits, l.Default), l.Max)
					r.Requests = fill(fill(fill(fill(r.Requests, l.DefaultRequest), l.Default), l.Max), l.Min)
				}
			}
		}
	}
	if spec.Resources != nil {
		requestLimits(spec.Resources)
	}
}

func (c *collector) priority(class string) (value int32, known bool) {
	switch {
	case class != "":
		value, known = c.classes[class]
		return value, known
	case c.defaultClass != nil:
		return *c.defaultClass, true
	}
	return 0, true
}

// requestLimits sets the requests that are missing to the limits.
func requestLimits(r *corev1.ResourceRequirements) { r.Requests = fill(r.Requests, r.Limits) }

func fill(list, from corev1.ResourceList) corev1.ResourceList {
	for name, q := range from {
		if _, set := list[name]; set {
			continue
		}
		if list == nil {
			list = corev1.ResourceList{}
		}
		list[name] = q
	}
	return list
}
