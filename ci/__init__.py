"""What the workflows in .github/workflows run, and a person can run too: `ci/run preview dev`."""
