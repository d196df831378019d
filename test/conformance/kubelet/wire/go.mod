module github.com/killorder/killorder/test/conformance/kubelet/wire

go 1.24.0
