"""Lists over HTTP: the native API, the shapes of two services that apps know, and a page; see docs/api.md."""
