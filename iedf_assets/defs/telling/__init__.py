"""What runs tell: plain failures, tags, log lines, links to the pictures."""
