// A gateway out of vanguard's transcoder before a reverse proxy, with the message types that protoc-gen-go writes for
// our protos. Not for anything but being asked beside transom.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"connectrpc.com/vanguard"

	"transom.example/peers/gen/cluster"
	"transom.example/peers/gen/matrix"
)

func main() {
	backend := flag.String("backend", "", "where the gRPC backend listens")
	flag.Parse()

	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: *backend})
	proxy.Transport = withoutTLS()
	proxy.FlushInterval = -1
	var services []*vanguard.Service
	for _, name := range []string{
		matrix.Items_ServiceDesc.ServiceName, matrix.Parts_ServiceDesc.ServiceName,
		cluster.ClusterService_ServiceDesc.ServiceName,
	} {
		services = append(services, vanguard.NewService(name, proxy,
			vanguard.WithTargetProtocols(vanguard.ProtocolGRPC),
			vanguard.WithTargetCodecs(vanguard.CodecProto),
			vanguard.WithNoTargetCompression()))
	}
	transcoder, err := vanguard.NewTranscoder(services)
	if err != nil {
		log.Fatal(err)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, transcoder))
}

// withoutTLS speaks HTTP/2 with prior knowledge, as gRPC backends on this machine do.
func withoutTLS() *http.Transport {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return transport
}
