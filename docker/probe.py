"""Health check of a container: exit 0 if the URL answers 200. Standard library: the image has no curl."""

import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
    sys.exit(answer.status != 200)
