//go:build tools

// Package cli pins the Pulumi command line and engine that the lab builds where none is installed.
package cli

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
