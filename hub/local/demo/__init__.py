"""Four departments with real data and systems of their own, and a question that needs three of them."""
