"""What is made of results: events, counters, snapshots, alerts, a web page."""
