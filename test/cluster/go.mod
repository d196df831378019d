module github.com/killorder/killorder/test/cluster

go 1.26.0
