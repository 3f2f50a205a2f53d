//go:build tools

// Package language pins the Python language host that the lab builds where none is installed: 3.79.0 is the
// last version that lies inside a module of its own right, and newer engines still speak its protocol.
package language

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
