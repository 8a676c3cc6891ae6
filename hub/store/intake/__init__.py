"""The way in for rows: staging of text cells, checks in SQL, quarantine, and one transaction that publishes."""
