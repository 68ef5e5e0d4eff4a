"""The gateway: what runs on the customer's hardware."""
