package attack

const liveFamily = "live"

func liveAttacks() []Attack { return nil }
