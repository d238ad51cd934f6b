"""What a class does with the app: lessons as data, and a vote that phones join. No Streamlit here."""
