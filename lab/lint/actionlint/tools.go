//go:build tools

// Package actionlint pins the linter of GitHub Actions workflows that the tests build.
package actionlint

import _ "github.com/rhysd/actionlint/cmd/actionlint"
