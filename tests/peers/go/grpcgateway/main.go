// A gateway out of grpc-gateway's runtime and the code that its generator writes for our protos, on its defaults.
// Not for anything but being asked beside transom.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	"transom.example/peers/gen/cluster"
	"transom.example/peers/gen/matrix"
)

func main() {
	backend := flag.String("backend", "", "where the gRPC backend listens")
	omit := flag.Bool("omit", false, "leave unset fields out of answers")
	flag.Parse()

	connection, err := grpc.NewClient(*backend, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	mux := runtime.NewServeMux(options(*omit)...)
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		matrix.RegisterItemsHandler, matrix.RegisterPartsHandler, cluster.RegisterClusterServiceHandler,
	} {
		if err := register(context.Background(), mux, connection); err != nil {
			log.Fatal(err)
		}
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}

// options is what a program on defaults has, which is nothing, unless unset fields are to be left out.
func options(omit bool) []runtime.ServeMuxOption {
	if !omit {
		return nil
	}
	return []runtime.ServeMuxOption{runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{
		Marshaler: &runtime.JSONPb{UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true}},
	})}
}
