"""What is fetched and compiled for the browser before the site can serve it."""
