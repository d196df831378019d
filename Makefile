# killorder: build, test, run. `make` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
# The name of the image: the targets image and docker-build make the image, deploy installs it.
IMG ?= ghcr.io/killorder/killorder:latest
# The platforms of that image.
PLATFORMS ?= linux/amd64,linux/arm64
# docker or podman.
CONTAINER_TOOL ?= docker
# ARGS: flags for the operator of `make run` and for `make scale` and `make soak`. TESTFLAGS: flags for go test.
ARGS ?=
TESTFLAGS ?=

LDFLAGS = -s -w -X main.version=$(VERSION) -X github.com/killorder/killorder/internal/cli.buildVersion=$(VERSION)
# The tests under test/ have targets of their own, because these tests need a cluster, root, or half an hour.
UNIT_PACKAGES = $$(go list ./... | grep -v /killorder/test/)
CLUSTER := go run -C test/cluster ./cmd/cluster
# The tools of packaging. tools/ship has its own go.mod: in a shared go.mod, the requirements of these tools would raise the
# versions of the modules that the other tools use.
SHIP_TOOL_cyclonedx-gomod := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
SHIP_TOOL_helm := helm.sh/helm/v4/cmd/helm
SHIP_TOOL_helm-docs := github.com/norwoodj/helm-docs/cmd/helm-docs
SHIP_TOOL_opm := github.com/operator-framework/operator-registry/cmd/opm
SHIP_TOOL_validate-krew-manifest := sigs.k8s.io/krew/cmd/validate-krew-manifest
SHIP_TOOL_actionlint := github.com/rhysd/actionlint/cmd/actionlint
SHIP_TOOL_govulncheck := golang.org/x/vuln/cmd/govulncheck
SHIP_TOOL_go-licenses := github.com/google/go-licenses/v2
SHIP_TOOLS := $(addprefix bin/tools/,$(patsubst SHIP_TOOL_%,%,$(filter SHIP_TOOL_%,$(.VARIABLES))))
# The tools that `make verify` runs, itself or in the tests of tools/ship. `make verify` must pass without a target before it.
VERIFY_TOOLS := $(addprefix bin/tools/,controller-gen crd-ref-docs kustomize) $(filter-out %/cyclonedx-gomod,$(SHIP_TOOLS))
# How many nodes and pods `make scale` simulates; without PODS, each node has 30 pods.
NODES ?= 200
PODS ?=
# The short soak, which CI runs: two rounds. In the second one the leader is killed.
SOAK_QUICK := -for 0s -rounds 2 -churn 5s -interval 5s -every 20s -life 0s
# All builds except those with the race detector have the same settings, so that the build cache has one copy of each package.
# The released programs are built with -trimpath, so all other programs are, too. `go test` does not run vet, because it would
# also run vet over the dependencies, each time; `make lint` runs vet over all modules, once.
export CGO_ENABLED := 0
export GOFLAGS := $(shell go env GOFLAGS) -trimpath -vet=off
# The machine's kubectl; if the machine has none, the kubectl that was built for the local cluster.
KUBECTL ?= $(or $(shell command -v kubectl),$(CURDIR)/bin/k8s/kubectl)

##@ See it work
.PHONY: story demo demo-down recording run
story: ## An answer in seconds, from Go alone: who dies first on the three nodes of examples/story
	go build -o bin/ ./cmd/kubectl-killorder
	bin/kubectl-killorder rank -f examples/story --top 3
	@echo; echo "Why payments-api, and what to change:"
	bin/kubectl-killorder explain deployment/payments-api -n shop -f examples/story
demo: ## A local cluster with three nodes on the brink, the operator, and what the operator says
	hack/demo.sh
demo-down: ## Stop the demo
	hack/demo.sh down
recording: ## Draw docs/demo.svg, the README's picture of what the demo prints
	@mkdir -p bin
	DEMO_ONCE=1 DEMO_COLOR=1 hack/demo.sh | tee bin/demo.txt
	bin/cluster record --from bin/demo.txt --to docs/demo.svg
run: ## Run the operator here, against the current kubeconfig (ARGS="--usage-interval=10s")
	go run ./cmd/manager --leader-elect=false $(ARGS)

##@ Build
.PHONY: build generate docs image docker-build docker-push release community-operators
build: ## bin/manager and bin/kubectl-killorder
	go build -ldflags "$(LDFLAGS)" -o bin/ ./cmd/...
generate: bin/tools/controller-gen bin/tools/crd-ref-docs bin/tools/kustomize bin/tools/helm-docs bin/tools/opm bin/tools/go-licenses ## Generate code and manifests from the types, their markers and config/
	hack/generate.sh
docs: ## bin/site: the documentation as a site (Debian: mkdocs, mkdocs-material)
	mkdocs build --strict --quiet --config-file mkdocs.yml --site-dir $(CURDIR)/bin/site
image: bin/tools/cyclonedx-gomod ## bin/image: the operator's image from Go alone, for docker load, skopeo and ctr (IMG=... PLATFORMS=...)
	go run -C tools/image . -o $(CURDIR)/bin/image -name $(IMG) -platforms $(PLATFORMS) \
	  -version $(VERSION) -revision "$(REVISION)" -sbom $(CURDIR)/bin/tools/cyclonedx-gomod
docker-build: ## The same image by docker or podman (IMG=...)
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t $(IMG) .
docker-push: ## Push the image to its registry (IMG=...)
	$(CONTAINER_TOOL) push $(IMG)

release: bin/tools/helm bin/tools/validate-krew-manifest ## bin/release: the plugin's archives and krew manifest, the chart, the manifests
	go run -C tools/ship . plugin
	bin/tools/validate-krew-manifest -skip-install -manifest bin/release/killorder.yaml
	bin/tools/helm package charts/killorder --destination bin/release
	cp dist/*.yaml bin/release/
community-operators: ## bin/community-operators: the bundle as a pull request to OperatorHub.io wants it
	go run -C tools/ship . community

##@ Check
.PHONY: test test-unit test-quick test-integration test-alerts test-report e2e e2e-vm conformance conformance-kubelet conformance-kernel conformance-kernel-vm scale scale-programs scale-guard scale-growth scale-kubelets soak soak-quick fuzz nightly bench verify vulncheck lint fmt
test: test-unit test-integration ## Unit tests and integration tests
test-unit: ## Unit tests, with the race detector
	packages="$(UNIT_PACKAGES)"; CGO_ENABLED=1 go test -race $(TESTFLAGS) $$packages
	go test -C api $(TESTFLAGS) ./...
test-quick: ## Unit tests without the race detector, in seconds
	packages="$(UNIT_PACKAGES)"; go test $(TESTFLAGS) $$packages
	go test -C api $(TESTFLAGS) ./...
test-integration: ## Tests of the local cluster and of what measures on it, then Ginkgo suites on a real kube-apiserver, etcd and metrics-server
	@# If KUBEBUILDER_ASSETS names no folder, the programs are built into bin/ (minutes, once). The suites mostly wait, so 8 run at once.
	assets="$${KUBEBUILDER_ASSETS:-$$($(CLUSTER) binaries)}"; export KUBEBUILDER_ASSETS="$$assets"; \
	CGO_ENABLED=1 go test -C test/cluster -race -count=1 ./... && \
	go test -C test/cluster/builds/kubernetes ./... && \
	go test -C test/scale ./compare ./figures && \
	go test -count=1 -v -p 8 -timeout 30m $(TESTFLAGS) ./test/integration/...
	$(MAKE) test-report
test-alerts: ## Alerts and dashboard only: promtool's tests, and that every metric named exists (part of test-integration)
	go test ./test/integration/prometheus -count=1 -v -skip '^TestPrometheus$$' $(TESTFLAGS)
test-report: ## The page of `report` in a real Chromium, judged by axe-core; screenshots in bin/report (part of test-integration)
	@if ! command -v npm >/dev/null || [ ! -x "$${CHROMIUM:-/usr/bin/chromium}" ]; then \
	  echo "SKIPPED: the page of report was not looked at. It takes npm and a Chromium (Debian: apt-get install npm chromium)"; exit 0; fi; \
	go build -o bin/ ./cmd/kubectl-killorder && cd test/report && \
	{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --no-audit --no-fund; } && npm test
e2e: bin/tools/helm ## A real kubelet, containerd and kernel as judges, as root (TESTFLAGS="-rounds 2 -seed 7")
	go test ./test/machine && go test -C test/e2e ./image ./interval ./node ./sum ./vm
	go test -C test/e2e -count=1 -v -timeout 90m . $(TESTFLAGS)
e2e-vm: ## The same on cgroup v2, in a virtual machine without KVM, as root (TESTFLAGS="-rounds 2 -seed 7")
	go test -C test/e2e -count=1 -v -timeout 180m . -vm $(TESTFLAGS)
conformance: conformance-kubelet conformance-kernel ## The kubelet's own code and the real kernel as judges
conformance-kubelet: ## 2,000 random nodes against the newest kubelet (TESTFLAGS="-minors 1.28,1.29,1.30,1.31,1.32,1.33,1.34,1.35,1.36,1.37")
	go test -C test/conformance/kubelet -count=1 -v -timeout 60m $(TESTFLAGS) .
conformance-kernel: ## 200 random scenarios against the kernel's OOM killer, as root (TESTFLAGS="-scenarios 40 -seed 5")
	go test ./test/conformance/kernel -count=1 -v -timeout 60m $(TESTFLAGS)
conformance-kernel-vm: ## The kernels of Debian 12 and 13 in virtual machines without KVM: cgroup v2, oom.group, swap (TESTFLAGS="-scenarios 16 -seed 5")
	go test ./test/machine && go test ./test/conformance/kernel -count=1 -v -timeout 180m -run '^TestVirtualMachines$$' -vm $(TESTFLAGS)
scale-programs: build ## bin/scale, and the programs that it runs
	go build -C test/scale -o ../../bin/ ./cmd/scale
scale: scale-programs ## The operator, kube-state-metrics, bare clients, rank and kubectl on one cluster (NODES=1000 PODS=30000 ARGS="-passes 22")
	bin/scale -nodes $(NODES) $(if $(PODS),-pods $(PODS)) $(ARGS)
scale-guard: ## Fails if a figure of 100 nodes (memory and CPU time beside kube-state-metrics, garbage, writes) is worse by more than a third
	$(MAKE) scale NODES=100 ARGS="-short -interval 10s -settle 6 -passes 6 -compare 50 -guard test/scale/guard.json"
soak: scale-programs ## 30 minutes in which pods, nodes and programs come and go: no leak, no lost order, no lost Event (NODES=200 ARGS="-for 2h")
	bin/scale soak -nodes $(NODES) $(ARGS)
soak-quick: ## The same with 50 nodes in less than three minutes: each restart once or twice, judged three times
	$(MAKE) soak NODES=50 ARGS="$(SOAK_QUICK) $(ARGS)"
scale-growth: ## docs/pictures/scale.svg and a table, from the results of `make scale` for several sizes in bin/
	go run -C test/scale ./cmd/scale growth -svg $(CURDIR)/docs/pictures/scale.svg $(CURDIR)/bin/scale-*.json
scale-kubelets: ## 5,000 simulated kubelets: what a pass over them takes, also while some hang (TESTFLAGS="-nodes 200 -passes 20")
	go test -C test/scale -count=1 -v -timeout 60m . $(TESTFLAGS)
fuzz: ## Each parser's fuzz target for a while (FUZZTIME=20s)
	hack/fuzz.sh
nightly: ## The checks of which CI runs a part, in full: more random nodes, scenarios and rounds, 5,000 nodes, all kubelet versions
	$(MAKE) conformance-kubelet TESTFLAGS="-minors 1.28,1.29,1.30,1.31,1.32,1.33,1.34,1.35,1.36,1.37"
	$(MAKE) conformance-kernel
	$(MAKE) conformance-kernel-vm
	$(MAKE) e2e
	$(MAKE) e2e-vm TESTFLAGS="-rounds 3"
	$(MAKE) scale NODES=1000
	$(MAKE) soak
	$(MAKE) scale-kubelets
	FUZZTIME=1m hack/fuzz.sh all
	$(MAKE) lint release image
bench: ## Benchmarks (TESTFLAGS="-bench=Evaluate -count=6"); go tool -modfile=tools/go.mod benchstat compares the results
	packages="$(UNIT_PACKAGES)"; go test -run '^$$' -bench . -benchmem $(TESTFLAGS) $$packages
verify: $(VERIFY_TOOLS) ## Generated files, manifests, go.mod files and formatting are as they should be
	hack/verify.sh
vulncheck: bin/tools/govulncheck ## Known vulnerabilities in what the programs call (VULNCHECK_REQUIRED=1: fail where the database does not answer)
	hack/vulncheck.sh
lint: bin/tools/golangci-lint ## golangci-lint, in every module (LINT_FAST="FOLDER ...": only the fast linters in these folders)
	hack/lint.sh
fmt: bin/tools/golangci-lint ## Format the code as lint wants it
	hack/lint.sh fmt

##@ On the current kubeconfig's cluster
.PHONY: install uninstall deploy undeploy
install: ## Install the CRDs of the two kinds
	$(KUBECTL) apply --server-side -k config/crd
uninstall: ## Remove the CRDs; this removes every order, too
	$(KUBECTL) delete --ignore-not-found -k config/crd
deploy: bin/tools/kustomize ## Install the CRDs and the operator (IMG=...)
	rm -rf bin/deploy && mkdir -p bin/deploy
	cd bin/deploy && ../tools/kustomize create --resources ../../config/default && \
	  ../tools/kustomize edit set image ghcr.io/killorder/killorder=$(IMG)
	$(KUBECTL) apply --server-side -k bin/deploy
undeploy: ## Remove the CRDs and the operator; this removes every order, too
	$(KUBECTL) delete --ignore-not-found -k config/default

##@ Other
.PHONY: help clean
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
clean: ## Remove bin/, with the programs that were built for the local cluster
	rm -rf bin

# The tools are pinned in a module of their own, so that go.mod holds only what the product imports. Each tool is built once
# per version, because `go tool` would check and load 1,000 packages on each call.
TOOL_controller-gen := sigs.k8s.io/controller-tools/cmd/controller-gen
TOOL_golangci-lint := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
TOOL_kustomize := sigs.k8s.io/kustomize/kustomize/v5
bin/tools/crd-ref-docs: tools/docs/go.mod tools/docs/go.sum
	@echo "building crd-ref-docs (once)"
	go build -C tools/docs -o $(CURDIR)/$@ github.com/elastic/crd-ref-docs
bin/tools/%: tools/go.mod tools/go.sum
	@echo "building $* (once)"
	go build -C tools -o ../$@ $(TOOL_$*)

# The tags leave out the parts of opm that need C libraries.
bin/tools/opm: TAGS := -tags=json1,containers_image_openpgp,exclude_graphdriver_btrfs
$(SHIP_TOOLS): bin/tools/%: tools/ship/go.mod tools/ship/go.sum
	@echo "building $* (once)"
	go build -C tools/ship $(TAGS) -o $(CURDIR)/$@ $(SHIP_TOOL_$*)
