// Package kubelet reads usage and configuration from each node's own kubelet.
//
//   - Source is all kubelets. Read makes one pass: due chooses the kubelets to ask, a pass asks them side by side and hands their
//     readings to a sink.
//   - rest (rest.go) decides which of the kubelets on quiet nodes a pass leaves alone.
//   - health (health.go) decides whether a kubelet may be asked now, and whether its readings are used or those of metrics.k8s.io.
//   - config (config.go) decides when a kubelet's configuration is read again, and how long the configuration is believed.
//   - newClient, tokens and trusting make the connections: TLS, tokens, certificate authorities.
//
// Who decides: health and config, each by the table of transitions in its comment. They are plain values: the time is handed in, and
// they do no input or output.
//
// Who writes: nobody. The package changes no object of the API server (it asks for tokens); readings go to the sink, which is a
// pass of usage.Store.
//
// Who remembers: Source.kubelets has one kubelet for each node: a health, a config, and whether a request is under way. Source.late
// has answers that came after their pass, the client TLS sessions (which tell config of restarts), tokens and trusting what
// they read last. All of it is lost with the process: readings and configurations come with the first pass, and restarts are
// noticed from the second connection on.
package kubelet
