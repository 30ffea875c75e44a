"""The specs of Locoia's Personal Access Token API: data only."""
