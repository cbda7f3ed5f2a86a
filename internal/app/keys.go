package app

// sayKeys tells at start who may ask, and of keys that could be guessed.
func (a *App) sayKeys() {
	all := a.settings().cfg.Keys
	if len(all) == 0 {
		return
	}
	a.log.Info("only who has a key may ask", "keys", len(all))
	for _, k := range all {
		if k.Short {
			a.log.Warn("a short key can be guessed: gollamas key new prints one that cannot", "key", k.Name)
		}
	}
}
