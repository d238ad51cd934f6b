"""Charts that change in place: a component of our own around plotly.js.

Streamlit's chart is mounted anew for every change of its data, and its plotly is fetched before a page's first picture.
"""
