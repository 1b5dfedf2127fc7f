"""A dockerized IB Gateway: started, logged in and watched from one configuration object."""
